"""The embedded defaults: SQLite, a broker on a local socket, everything under one state directory.

`make run` writes the keys into the state directory once and passes them in the environment.
"""

from meshconsole.settings.base import *  # noqa: F403
from meshconsole.settings.base import INSTALLED_APPS, STATE_DIR, env

DEBUG = False
SECRET_KEY = env.str("DJANGO_SECRET_KEY", default="only-for-commands-that-serve-nobody")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
INSTALLED_APPS = [*INSTALLED_APPS, "apps.simcluster"]
# Static files are served from where they are; nothing is collected.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
MESHCONSOLE_CLUSTER_NETWORKS = env.list("MESHCONSOLE_CLUSTER_NETWORKS", default=["127.0.0.0/8"])
MESHCONSOLE_GIT_ROOTS = env.list("MESHCONSOLE_GIT_ROOTS", default=[str(STATE_DIR / "git")])
# Mail becomes files here unless a server is named: nothing leaves the machine by itself.
if not env.str("MESHCONSOLE_EMAIL_URL", default=""):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = STATE_DIR / "mail"
# Passwords of the demonstration's people by user name; `make run` makes them and shows them.
MESHCONSOLE_DEMO_PASSWORDS = env.json("MESHCONSOLE_DEMO_PASSWORDS", default={})
