"""Debian's nginx with the files of `deploy/nginx`, on loopback and free ports, set up as `docs/login.md` says."""

import os
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from certificates import certified
from running_system import ROOT, eventually

from sequora_orchestration.local.ports import free_ports, is_free

SHIPPED = ROOT / "deploy" / "nginx"

# Debian installs it where a plain user does not look.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

Login = Literal["password", "oauth"]

NAME, PASSWORD = "ada", "correct horse battery staple"
WITH_LOGIN = {"Authorization": f"Basic {b64encode(f'{NAME}:{PASSWORD}'.encode()).decode()}"}
"""What a browser sends once somebody has logged in by password."""

# What stands around the files that are included, as Debian has it; but everything in one directory, and in one process,
# whose environment carries the mark of what tests have started.
MAIN = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {}
http {
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    gzip on;
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include conf.d/*.conf;
}
"""


@dataclass(frozen=True, slots=True)
class ReverseProxy:
    """Where it is, and what a client has to trust for it."""

    url: str
    plain_url: str
    certificate: Path
    error_log: Path

    @property
    def port(self) -> int:
        """The port of TLS."""
        return int(self.url.rpartition(":")[2])

    def tls(self) -> ssl.SSLContext:
        """Return how a client speaks TLS with it."""
        return ssl.create_default_context(cafile=str(self.certificate))


def require_nginx() -> str:
    """Return where nginx is. Without one the test is left out, but not where all of them must run."""
    if NGINX is None:
        sentence = "no nginx is installed, before which the login stands: apt-get install nginx"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return NGINX


def set_up(
    directory: Path, web_url: str, login: Login, *, oauth2_proxy_url: str = "http://127.0.0.1:4180"
) -> ReverseProxy:
    """Put the files where nginx finds them, with this site's name, ports and addresses; return where it will be."""
    https, http = free_ports(2)
    (directory / "conf.d").mkdir(parents=True)
    shutil.copytree(SHIPPED / "sequora", directory / "sequora")
    (directory / "nginx.conf").write_text(MAIN, encoding="utf-8")
    site = {
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "server_name sequora.example.com;": "server_name 127.0.0.1;",
        "server 127.0.0.1:3000;": f"server {urlsplit(web_url).netloc};",
    }
    if login == "oauth":
        site |= {
            "    include sequora/login-by-password.conf;\n": "",
            "# include sequora/login-by-oauth.conf;": "include sequora/login-by-oauth.conf;",
        }
    copy_with(site, SHIPPED / "sequora.conf", directory / "conf.d" / "sequora.conf")
    by_oauth = directory / "sequora" / "login-by-oauth.conf"
    copy_with({"127.0.0.1:4180;": f"{urlsplit(oauth2_proxy_url).netloc};"}, by_oauth, by_oauth)
    made = directory / "certificate"
    made.mkdir()
    _, certificate = certified(made)
    shutil.copy(certificate, directory / "sequora" / "certificate.pem")
    shutil.copy(made / "key.pem", directory / "sequora" / "key.pem")
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, text=True, check=True, capture_output=True
    ).stdout
    (directory / "sequora" / "passwords").write_text(f"{NAME}:{hashed}", encoding="utf-8")
    return ReverseProxy(f"https://127.0.0.1:{https}", f"http://127.0.0.1:{http}", certificate, directory / "error.log")


def copy_with(changes: dict[str, str], source: Path, target: Path) -> None:
    """Copy a file with these changes, each of which must be there to be made."""
    text = source.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert before in text, f"{source.name} does not say {before!r}"
        text = text.replace(before, after)
    target.write_text(text, encoding="utf-8")


def command(directory: Path, *options: str) -> list[str]:
    """Return how nginx is run on the files of a directory; its first words, too, go into the log there."""
    own = [
        require_nginx(),
        "-p",
        str(directory),
        "-c",
        str(directory / "nginx.conf"),
        "-e",
        str(directory / "error.log"),
    ]
    return [*own, *options]


@contextmanager
def reverse_proxy(
    directory: Path, web_url: str, login: Login, *, oauth2_proxy_url: str = "http://127.0.0.1:4180"
) -> Iterator[ReverseProxy]:
    """Run nginx before a web UI for the length of the block."""
    proxy = set_up(directory, web_url, login, oauth2_proxy_url=oauth2_proxy_url)
    with running_nginx(directory, proxy):
        yield proxy


@contextmanager
def running_nginx(directory: Path, proxy: ReverseProxy) -> Iterator[None]:
    """Run nginx on the files of a directory for the length of the block."""
    log = directory / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(command(directory), stdout=output, stderr=output)
    try:
        eventually(lambda: process.poll() is not None or not is_free(proxy.port), within=10, what="nginx listens")
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)
