"""A host: a page with a link, and the address that sends the browser on to Latchkey. It needs PyJWT: pip install "pyjwt[crypto]"."""

import json
import os
import sys
import time
import uuid
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import jwt

# Seconds. Somebody waits for the page.
TIMEOUT = 10
LONGEST_WAIT = 3
ATTEMPTS = 2


def signed_in_user(handler):
    """Change this: the user whom your host has signed in. Without one, show your own sign-in."""
    return os.environ.get("HOST_USER") or "anna@demo.example"


class Refused(Exception):
    """Latchkey refused, or did not answer. Programs branch on the id; the message is for your log."""

    def __init__(self, error_id, message, request_id="", retry_after=0):
        super().__init__(message)
        self.id = error_id
        # Under which Latchkey's log and record have the request; empty if it never got there.
        self.request_id = request_id
        # Seconds after which another try makes sense; 0 if none does.
        self.retry_after = retry_after


class Latchkey:
    """Speaks to Latchkey as a service account."""

    def __init__(self, url, account, key_id, private_key):
        self.url, self.account, self.key_id, self.private_key = url, account, key_id, private_key

    def let_in(self, user, return_to=""):
        """The address to forward the browser of a user to. It works once, and for two minutes: ask when the user follows
        the link. The user is an ID, an e-mail address, or an ID of the host such as LMS$4711."""
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "resource": f"{self.url}/login",
                # The user of the host must be the one who is signed in there, even if somebody else was before.
                "session": "switch"}
        if return_to:
            form["returnTo"] = return_to
        for attempt in range(1, ATTEMPTS + 1):
            try:
                # Each attempt has an assertion of its own, because one works once.
                body = urlencode({**form, "assertion": self.assertion(user)}).encode()
                with urlopen(f"{self.url}/oauth/token", body, timeout=TIMEOUT) as response:
                    return json.load(response)["url"]
            except HTTPError as error:
                refused = self.refused(error)
            except (OSError, ValueError, KeyError) as error:
                raise Refused("no_answer", repr(error), retry_after=5) from error
            if not 0 < refused.retry_after <= LONGEST_WAIT or attempt == ATTEMPTS:
                raise refused
            time.sleep(refused.retry_after)

    def assertion(self, user):
        now = int(time.time())
        claims = {"iss": self.account, "sub": user, "aud": f"{self.url}/oauth/token",
                  "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"kid": self.key_id})

    @staticmethod
    def refused(error):
        try:
            answer = json.load(error)
        except ValueError:
            answer = {}  # a page of a proxy
        seconds = error.headers.get("Retry-After") or ""
        wait = max(1, int(seconds) if seconds.isdecimal() else 0) if error.code in (429, 503) else 0
        return Refused(answer.get("id", f"http_{error.code}"), answer.get("description", error.reason),
                       error.headers.get("X-Request-Id") or "", wait)


class Host(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urlsplit(self.path)
        if address.path == "/":
            self.page(200, f"<p>Signed in as {escape(signed_in_user(self))}</p>"
                           '<p><a href="/open">Open the learning site</a></p>')
        elif address.path == "/open":
            # Latchkey adds return_to when it sends a browser here from a protected site, and checks it.
            self.open(parse_qs(address.query).get("return_to", [""])[0])
        else:
            self.page(404, "<p>There is no such page.</p>")

    def open(self, return_to):
        try:
            url = latchkey.let_in(signed_in_user(self), return_to)
        except Refused as refused:
            return self.fail(refused)
        self.answer(303, {"Location": url})

    def fail(self, refused):
        reference = f"{refused.id}, request {refused.request_id}" if refused.request_id else refused.id
        self.log_error("Latchkey: %s: %s", reference, refused)
        is_busy = refused.retry_after > 0
        message = ("The learning site is busy. Try again in a moment." if is_busy
                   else "The learning site does not let you in.")
        self.page(503 if is_busy else 403,
                  f"<p>{message}</p><p><small>For the help desk: {escape(reference)}</small></p>",
                  {"Retry-After": str(refused.retry_after)} if is_busy else {})

    def page(self, status, html, headers={}):
        body = f'<!doctype html><html lang="en"><title>Host</title>{html}\n'.encode()
        self.answer(status, {"Content-Type": "text/html; charset=utf-8", **headers}, body)

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        # The address of a login signs in whoever has it: no cache keeps it, and no other site is told of it.
        common = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Content-Length": str(len(body))}
        for name, value in {**common, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def setting(name):
    return os.environ.get(name) or sys.exit(f"Set {name}.")


with open(setting("LATCHKEY_KEY_FILE"), encoding="ascii") as file:
    latchkey = Latchkey(setting("LATCHKEY_URL"), setting("LATCHKEY_ACCOUNT"), setting("LATCHKEY_KEY_ID"), file.read())
ThreadingHTTPServer(("localhost", int(os.environ.get("PORT") or 4001)), Host).serve_forever()
