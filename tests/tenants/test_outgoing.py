"""Calls to addresses that a customer gave: which are made, to where exactly, and how they end."""

import datetime
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenants import outgoing
from tenants.outgoing import Answered, NoAnswer, NotAllowed
from tenants.refusals import NotNow
from tests.inbox.twitter.answering import RESET, Answering, answer
from tests.world import free_port

PUBLIC = "93.184.215.14"


def leads_to(*addresses: str):
    """A resolver for which every name has these addresses."""
    return lambda name, port: list(addresses)


@pytest.fixture
def loopback(settings):
    """An installation for trying things out on one's own machine."""
    settings.OUTGOING_LOOPBACK = True


def send(url: str, **more):
    return outgoing.post(url, body=b"{}", headers={"webhook-id": "msg_1"}, **more)


# --- which addresses are called ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://hooks.example.com/in?key=1", "https://hooks.example.com/in?key=1"),
        ("https://Hooks.Example.COM./", "https://hooks.example.com/"),
        ("HTTPS://hooks.example.com:443", "https://hooks.example.com/"),
        ("https://hooks.example.com:8443/a", "https://hooks.example.com:8443/a"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        (f"https://{PUBLIC}/", f"https://{PUBLIC}/"),
        ("https://[2606:4700:0000::6810:84e5]/", "https://[2606:4700::6810:84e5]/"),
    ],
)
def test_a_public_address_is_called(url: str, called: str):
    assert outgoing.checked(url, resolve=leads_to(PUBLIC)) == called


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1"),
        *("203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
        *("192.88.99.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:4136:e378::1", "2001:db8::1", "fc00::1", "fd00:ec2::254"),
        *("fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "3fff::1", "5f00::1"),
    ],
)
def test_an_address_of_a_private_network_is_never_called(address: str):
    with pytest.raises(NotNow, match="private or reserved network"):
        outgoing.checked("https://hooks.example.com/", resolve=leads_to(PUBLIC, address))

    assert isinstance(send("https://hooks.example.com/", resolve=leads_to(address)), NotAllowed)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "017700000001", "127.0.0.1."),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[64:ff9b::169.254.169.254]", "0", "0.0.0.0"),
        *(
            "169.254.169.254",
            "[fe80::1%25eth0]",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "localhost",
            "metadata",
            "a..b",
            "-a.example",
        ),
        *("example.com\\@127.0.0.1", "user:word@example.com", "example.com#@127.0.0.1", "exa mple.com", "a.1"),
        *(
            "example.com\x00.evil.example",
            "example.com\r\nHost: evil.example",
            "example.com\t",
            "a_b.example",
            "%31.com",
        ),
        *("example.com:0", "example.com:22", "example.com:5432", "example.com:99999", "example.com:x", "", ":443"),
    ],
)
def test_a_host_that_is_not_plainly_public_is_refused_in_words(host: str):
    with pytest.raises(NotNow) as refused:
        outgoing.checked(f"https://{host}/", resolve=leads_to(PUBLIC))

    assert str(refused.value).endswith(".") or "https://" in str(refused.value)
    assert isinstance(send(f"https://{host}/", resolve=leads_to(PUBLIC)), NotAllowed)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/", "https://"),
        ("javascript:alert(1)", "no address"),
        ("file:///etc/passwd", "no address"),
        ("gopher://hooks.example.com/", "no address"),
        ("//hooks.example.com/", "no address"),
        ("", "no address"),
        ("https://hooks.example.com/" + "a" * 10_000, "too long"),
        ("https://[::1", "no address"),
    ],
)
def test_what_is_no_address_is_refused_in_words(url: str, words: str):
    with pytest.raises(NotNow, match=words):
        outgoing.checked(url, resolve=leads_to(PUBLIC))


def test_a_name_that_leads_nowhere_is_said_to():
    def nobody(name: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(NotNow, match="no host named hooks.example.com"):
        outgoing.checked("https://hooks.example.com/", resolve=nobody)

    assert isinstance(send("https://hooks.example.com/", resolve=nobody), NoAnswer)


def test_a_resolver_that_never_answers_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(outgoing, "LONGEST_LOOK_UP", 0.2)
    hanging = threading.Event()
    begun = time.monotonic()

    outcome = send("https://hooks.example.com/", resolve=lambda name, port: hanging.wait(30) and [])

    hanging.set()
    assert isinstance(outcome, NoAnswer)
    assert time.monotonic() - begun < 5


def test_plain_http_and_the_loopback_are_for_ones_own_machine(loopback):
    with Answering([answer(200, b"ok")]) as receiver:
        assert send(f"{receiver.url}/in") == Answered(200, "ok")

    with pytest.raises(NotNow, match="private or reserved"):
        outgoing.checked("http://hooks.example.com/", resolve=leads_to(PUBLIC))
    with pytest.raises(NotNow, match="private or reserved"):
        outgoing.checked("https://hooks.example.com/", resolve=leads_to("10.0.0.1"))


# --- where the connection goes ----------------------------------------------------------------------------------------


def test_a_name_that_leads_elsewhere_the_second_time_leads_nobody_there(loopback):
    asked = []

    def rebinding(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with Answering([answer(204)]) as receiver:
        outcome = send(f"http://rebinding.example:{receiver.port}/", resolve=rebinding)

    assert (outcome, asked) == (Answered(204, ""), ["rebinding.example"])
    assert f"host: rebinding.example:{receiver.port}\r\n".encode() in receiver.requests[0].lower()


def test_the_next_address_of_a_name_is_tried_when_the_first_does_not_let_us_in(loopback):
    with Answering([answer(200)]) as receiver:
        outcome = send(f"http://two.example:{receiver.port}/", resolve=leads_to("::1", "127.0.0.1"))

    assert outcome == Answered(200, "")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(loopback, status: int):
    with Answering([answer(200)]) as elsewhere:
        with Answering([answer(status, headers=(f"location: {elsewhere.url}/",))]) as receiver:
            outcome = send(receiver.url)

        assert (outcome, elsewhere.requests) == (Answered(status, ""), [])


def test_no_proxy_of_the_environment_is_asked(loopback, monkeypatch):
    with Answering([answer(200)]) as proxy, Answering([answer(200)]) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        outcome = send(receiver.url)

    assert (outcome, proxy.requests, len(receiver.requests)) == (Answered(200, ""), [], 1)


# --- whose certificate is taken ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Certificates for `hooks.example`, of an authority that the test alone trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("authority") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_the_certificate_must_be_the_names_although_the_connection_is_to_the_number(loopback, authority):
    context, asked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    context.load_cert_chain(authority)
    context.sni_callback = lambda connection, name, _: asked.append(name)
    trusted = ssl.create_default_context(cafile=str(authority))
    with Answering([answer(200, b"over tls")], tls=context) as receiver:
        right = send(f"https://hooks.example:{receiver.port}/", resolve=leads_to("127.0.0.1"), trusted=trusted)
        wrong = send(f"https://other.example:{receiver.port}/", resolve=leads_to("127.0.0.1"), trusted=trusted)
        unknown = send(f"https://hooks.example:{receiver.port}/", resolve=leads_to("127.0.0.1"))

    assert (right, asked[0]) == (Answered(200, "over tls"), "hooks.example")
    assert isinstance(wrong, NoAnswer)
    assert isinstance(unknown, NoAnswer)
    assert len(receiver.requests) == 1


# --- how a call ends --------------------------------------------------------------------------------------------------


def test_an_answer_that_drips_has_an_end(loopback):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n"
    with Answering([head, *[0.2, b"x-drip: 1\r\n"] * 100]) as receiver:
        begun = time.monotonic()
        outcome = send(receiver.url, longest_call=1)

    assert isinstance(outcome, NoAnswer)
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("script", [[RESET], [b""], [b"nonsense\r\n\r\n"], [b"HTTP/1.1 999999 ?\r\n\r\n"]])
def test_whatever_a_receiver_says_is_a_value(loopback, script):
    with Answering(script) as receiver:
        assert isinstance(send(receiver.url), NoAnswer)


def test_a_receiver_that_does_not_listen_is_a_value(loopback):
    assert isinstance(send(f"http://127.0.0.1:{free_port()}/"), NoAnswer)


def test_of_a_long_answer_the_beginning_is_read(loopback):
    with Answering([answer(200, b"a" * 3_000_000)]) as receiver:
        outcome = send(receiver.url)

    assert outcome == Answered(200, "a" * outgoing.MOST_READ)


def test_an_answer_that_is_packed_is_not_unpacked(loopback):
    with Answering([answer(200, b"\x1f\x8b bomb", headers=("content-encoding: gzip",))]) as receiver:
        outcome = send(receiver.url)

    assert isinstance(outcome, Answered)
    assert outcome.status == 200


def test_what_is_too_large_is_not_sent(loopback):
    with Answering([answer(200)]) as receiver:
        outcome = outgoing.post(receiver.url, body=b"a" * 64_001, headers={})

    assert (type(outcome), receiver.requests) == (NotAllowed, [])
