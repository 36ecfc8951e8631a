"""Every path of the product: pages at the root, REST under /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("apps.api.urls")),
    path("", include("apps.console.urls")),
]
