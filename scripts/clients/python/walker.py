"""A browser without JavaScript: follows redirects, keeps cookies, fills in and sends forms."""

import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

try:
    import httpx2
except ImportError:  # the first generation of the official client still brings its predecessor along
    import httpx as httpx2

MAX_STEPS = 15
"""The most pages that a login may take."""

AGREES = re.compile("approve|allow|accept|authori[sz]e|continue", re.IGNORECASE)
"""What the button says or sends that agrees to something."""


async def walk(start: str, redirect_uri: str) -> dict[str, str]:
    """Approves, logs in, and returns the parameters that the server sends to `redirect_uri`.

    That address itself is not fetched: the caller is the client that listens there.
    """
    method, url, body = "GET", start, None
    async with httpx2.AsyncClient(timeout=10) as browser:
        for _ in range(MAX_STEPS):
            headers = {"accept": "text/html"}
            if body is not None:
                headers["origin"] = _origin(url)
            answer = await browser.request(method, url, data=body, headers=headers)
            if answer.is_redirect:
                method, url, body = "GET", urljoin(url, answer.headers["location"]), None
                if urlunsplit(urlsplit(url)._replace(query="", fragment="")) == redirect_uri:
                    return dict(parse_qsl(urlsplit(url).query))
                continue
            page = _Page(answer.text)
            sent = page.answer()
            if sent is None:
                raise RuntimeError(f"stuck at {answer.status_code} {url}: {page.text()[:300]}")
            method, url, body = sent.request(url)
    raise RuntimeError(f"no redirect to {redirect_uri} after {MAX_STEPS} steps; last at {url}")


@dataclass
class _Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    password: str | None = None
    buttons: list[dict[str, str]] = field(default_factory=list)

    def press(self, button: dict[str, str] | None) -> "_Form":
        if button and button.get("name"):
            self.fields.append((button["name"], button.get("value", "")))
        return self

    def request(self, page: str) -> tuple[str, str, dict[str, str] | None]:
        url = urljoin(page, self.action)
        if self.method == "POST":
            return "POST", url, dict(self.fields)
        return "GET", f"{url}?{urlencode(self.fields)}", None


class _Page(HTMLParser):
    """The forms of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._forms: list[_Form] = []
        self._inside: list[str] = []
        self._words: list[str] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._forms.append(_Form(given.get("action", ""), given.get("method", "get").upper()))
            self._open = True
        elif tag == "button" and self._open:
            self._forms[-1].buttons.append(given | {"said": ""})
        elif tag == "input" and self._open:
            self._input(given)
        if tag not in ("input", "meta", "link", "br", "img", "hr"):
            self._inside.append(tag)

    def _input(self, given: dict[str, str]) -> None:
        form, kind = self._forms[-1], given.get("type", "text")
        if kind == "submit":
            form.buttons.append(given | {"said": given.get("value", "")})
        elif "name" not in given or (kind in ("checkbox", "radio") and "checked" not in given):
            return  # One of several users is always chosen; who it is, is decided in `answer`.
        elif kind == "password":
            form.password = given["name"]
        else:
            form.fields.append((given["name"], given.get("value", "")))

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        if "button" in self._inside and self._open:
            self._forms[-1].buttons[-1]["said"] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        if self._inside:
            self._inside.pop()

    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def answer(self) -> _Form | None:
        """The form as a person would send it, if there is one."""
        for form in self._forms:
            if form.password:
                person = os.environ.get("DEMO_USERNAME", "alice")
                password = os.environ.get("DEMO_PASSWORD", "wonderland")
                form.fields = [(n, person if n == "username" else v) for n, v in form.fields]
                form.fields.append((form.password, password))
                return form.press(form.buttons[0] if form.buttons else None)
        for form in self._forms:
            for button in form.buttons:
                if AGREES.search(" ".join((button["said"], button.get("value", "")))):
                    return form.press(button)
        return None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
