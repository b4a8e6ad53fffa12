"""PyPI django-oauth-toolkit as an authorization server that nobody here wrote.

usage: python django-oauth-toolkit.py PORT DIRECTORY
DIRECTORY is where its database is. Its tokens are opaque, and good for the resources that they were
asked for (RFC 8707). Who wants to introspect shows a token of its own with the scope `introspection`.
"""

import secrets
import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings

PORT, DIRECTORY = sys.argv[1:3]
settings.configure(
    SECRET_KEY=secrets.token_hex(),
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{DIRECTORY}/django.sqlite"}},
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "SCOPES": {"mcp": "Call tools", "introspection": "Ask about tokens"},
        "OIDC_ISS_ENDPOINT": f"http://localhost:{PORT}",
    },
)
django.setup()

# What follows can be imported only now.
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402

urlpatterns = [path("", include("oauth2_provider.urls", namespace="oauth2_provider"))]


def client(name: str) -> None:
    application = get_application_model()
    application.objects.get_or_create(
        client_id=name,
        defaults={
            "client_secret": f"secret of {name}",
            "client_type": application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": application.GRANT_CLIENT_CREDENTIALS,
        },
    )


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    for each in ("agent", "mcp-server"):
        client(each)
    make_server("127.0.0.1", int(PORT), get_wsgi_application()).serve_forever()
