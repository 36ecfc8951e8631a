"""Every path of the product: pages at the root, REST under /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("apps.api.urls")),
    path("", include("apps.console.urls")),
]

handler400 = "apps.console.views.errors.bad_request"
handler403 = "apps.console.views.errors.forbidden"
handler404 = "apps.console.views.errors.not_found"
handler500 = "apps.console.views.errors.server_error"
