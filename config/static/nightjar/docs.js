// The API's description, drawn by Swagger UI from our own host. The key that is typed stays in this page.
(() => {
  "use strict";
  const place = document.getElementById("api-docs");
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const wear = () => {
    const theme = root.dataset.theme;
    root.classList.toggle("dark-mode", theme === "dark" || (theme !== "light" && dark.matches));
  };

  wear();
  dark.addEventListener("change", wear);
  new MutationObserver(wear).observe(root, { attributes: true, attributeFilter: ["data-theme"] });

  window.SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    persistAuthorization: false,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    withCredentials: false,
    requestInterceptor: (request) => {
      // Nobody's session: only the key says who asks. The description itself is for who is logged in.
      request.credentials = request.loadSpec ? "same-origin" : "omit";
      return request;
    },
  });
})();
