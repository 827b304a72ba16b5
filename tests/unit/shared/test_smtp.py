"""How the address of a mail server is read."""

from __future__ import annotations

import pytest

from shared import smtp


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        pytest.param("smtp://mail.example", "mail.example", 25, False, id="plain"),
        pytest.param("smtp+starttls://mail.example", "mail.example", 587, False, id="starttls"),
        pytest.param("smtps://mail.example", "mail.example", 465, True, id="tls"),
        pytest.param("smtps://mail.example:2465", "mail.example", 2465, True, id="a port"),
    ],
)
def test_the_scheme_names_the_port_and_the_way(url: str, host: str, port: int, tls: bool) -> None:
    client = smtp.client(url, "shop.example", 5.0)
    assert (client.hostname, client.port, client.use_tls) == (host, port, tls)


def test_user_and_password_may_hold_any_character() -> None:
    client = smtp.client("smtps://a%40b:p%2Fw%3A@mail.example", "shop.example", 5.0)
    assert (client._login_username, client._login_password) == ("a@b", "p/w:")
