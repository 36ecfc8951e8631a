"""The paths of the pages; their names are what templates and tests use."""

from django.urls import URLPattern, path

from apps.console.views import session, style

app_name = "console"
urlpatterns: list[URLPattern] = [
    path("sign-in/", session.SignIn.as_view(), name="sign-in"),
    path("sign-out/", session.SignOut.as_view(), name="sign-out"),
    path("theme/", session.theme, name="theme"),
    path("profile/", session.profile, name="profile"),
    path("style/", style.style, name="style"),
]
