// A button that copies what the element named in `data-copy` says.
(() => {
  document.addEventListener("click", async (click) => {
    const button = click.target.closest("[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = button.dataset.wordsCopied;
    } catch {
      // No clipboard without https, or none that we may use: select it, so that one key copies it.
      getSelection().selectAllChildren(source);
    }
  });
})();
