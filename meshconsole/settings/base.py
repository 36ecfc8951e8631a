"""Settings shared by every way of running; the environment is read here and nowhere else.

What has no safe default is required by `production`; `local` and `test` fill it in.
"""

from logging import DEBUG as DEBUG_LEVEL
from pathlib import Path

import environ

from meshconsole.logs import configure_structlog, logging_config
from meshconsole.settings.databases import tuned
from meshconsole.settings.queues import (
    SCHEDULE,
    TASK_LIMIT_SECONDS,
    TRANSPORT_OPTIONS,
    beat_schedule,
    broker_url,
)

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE_DIR = Path(env.str("MESHCONSOLE_STATE_DIR", default=str(BASE_DIR / "var"))).resolve()

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "axes",
    "csp",
    "django_structlog",
    "apps.common",
    "apps.audit",
    "apps.accounts",
    "apps.clusters",
    "apps.inventory",
    "apps.analysis",
    "apps.changes",
    "apps.gitops",
    "apps.notifications",
    "apps.pipeline",
    "apps.console",
    "apps.api",
]

MIDDLEWARE = [
    "meshconsole.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "apps.audit.middleware.OriginMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "meshconsole.urls"
ASGI_APPLICATION = "meshconsole.asgi.application"
WSGI_APPLICATION = "meshconsole.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "console:sign-in"
LOGIN_REDIRECT_URL = "console:fleet"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.console.navigation.shell",
            ],
        },
    },
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"

DATABASES = {"default": tuned(env.db("DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'db.sqlite3'}"))}

REDIS_URL = env.str("REDIS_URL", default=f"unix://{STATE_DIR / 'valkey' / 'valkey.sock'}?db=0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
    }
}

CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"pipeline.*_change": {"queue": "apply"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = TRANSPORT_OPTIONS
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = TASK_LIMIT_SECONDS
CELERY_TASK_SOFT_TIME_LIMIT = TASK_LIMIT_SECONDS - 30
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = beat_schedule()

LOGGING = logging_config(
    level=env.str("MESHCONSOLE_LOG_LEVEL", default="INFO"),
    form=env.str("MESHCONSOLE_LOG_FORMAT", default="json"),
    routine=frozenset(SCHEDULE),
)
configure_structlog()
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = DEBUG_LEVEL
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = DEBUG_LEVEL

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsing.LimitedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": None,
    "EXCEPTION_HANDLER": "apps.api.errors.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "meshconsole",
    "VERSION": "1",
    "DESCRIPTION": "Everything a person can do, a script can. Failures are RFC 9457 problem details.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Environment": "apps.clusters.models.Environment",
        "ChangeState": "apps.changes.lifecycle.STATE_CHOICES",
        "RefreshState": "apps.inventory.models.RefreshRun.State",
        "FindingState": "apps.analysis.selectors.Shown",
        "SuppressionState": "apps.api.serializers.findings.Standing",
        "EgressVerdict": "apps.api.serializers.mesh.VERDICTS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.schema.add_common",
    ],
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 60 * 60  # seconds: a working day
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
AXES_VERBOSE = False
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.1  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "apps.console.views.session.locked_out"
CSRF_FAILURE_VIEW = "apps.console.views.errors.csrf_failure"

# Without an address of a server no mail is sent.
vars().update(env.email_url_config(env.str("MESHCONSOLE_EMAIL_URL", default="") or "dummymail://"))
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("MESHCONSOLE_EMAIL_FROM", default="meshconsole@localhost")

# Fernet keys, newest first; every one of them decrypts, the first encrypts.
MESHCONSOLE_ENCRYPTION_KEYS: list[str] = env.list("MESHCONSOLE_ENCRYPTION_KEYS", default=[])
# Networks that a cluster's API server may live in beside public addresses, as CIDRs.
MESHCONSOLE_CLUSTER_NETWORKS: list[str] = env.list("MESHCONSOLE_CLUSTER_NETWORKS", default=[])
# Seconds between two refreshes of the same cluster.
MESHCONSOLE_REFRESH_SECONDS: int = env.int("MESHCONSOLE_REFRESH_SECONDS", default=60)
# Seconds for which a worker owns the change it applies; a heartbeat renews it.
MESHCONSOLE_LEASE_SECONDS: int = env.int("MESHCONSOLE_LEASE_SECONDS", default=30)
# Seconds after its verification until a change is looked at once more; 0 for never.
MESHCONSOLE_SETTLE_SECONDS: int = env.int("MESHCONSOLE_SETTLE_SECONDS", default=180)
# Signs checkpoints of the audit record: 32 bytes in base64, "" for none. The file gets a line for each.
MESHCONSOLE_AUDIT_KEY: str = env.str("MESHCONSOLE_AUDIT_KEY", default="")
MESHCONSOLE_AUDIT_FILE: str = env.str("MESHCONSOLE_AUDIT_FILE", default="")
MESHCONSOLE_AUDIT_SECONDS: int = env.int("MESHCONSOLE_AUDIT_SECONDS", default=3600)
# Where this console answers, for links in what it sends: https://console.example.com, no slash at the end.
MESHCONSOLE_URL: str = env.str("MESHCONSOLE_URL", default="").rstrip("/")
# Webhooks: a file with further authorities to trust, and whether plain HTTP to this machine is allowed.
MESHCONSOLE_WEBHOOK_CA: str = env.str("MESHCONSOLE_WEBHOOK_CA", default="")
MESHCONSOLE_WEBHOOK_HTTP_LOOPBACK: bool = env.bool("MESHCONSOLE_WEBHOOK_HTTP_LOOPBACK", default=False)
# Folders that bare Git repositories of this machine may lie in; none: only SSH is used.
MESHCONSOLE_GIT_ROOTS: list[str] = env.list("MESHCONSOLE_GIT_ROOTS", default=[])
# Fault points of the tests: the process ends itself at the named point of an apply, or at those that files
# in the named folder are called after, once a file. Empty in use.
MESHCONSOLE_CRASH_AT: str = env.str("MESHCONSOLE_CRASH_AT", default="")
