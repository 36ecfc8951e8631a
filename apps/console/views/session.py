"""Signing in and out, and the theme. Accounts and lockout belong to Django and axes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from apps.accounts import signins
from apps.accounts.models import User
from apps.console.forms.notifications import MailForm, mail_form
from apps.console.forms.session import SignInForm
from apps.console.guard import SignedInRequest, signed_in
from apps.console.navigation import THEMES
from apps.notifications.actions import choose_mail
from apps.notifications.mail import mail_is_sent
from apps.notifications.selectors import preference_of

YEAR = 365 * 24 * 3600
LOCKED_STATUS = 429
LOCKED = (
    "Signing in with this name is blocked for some minutes, because of too many wrong passwords. "
    "Wait, then try again, or ask the operator of this console to lift the block."
)


class SignIn(auth_views.LoginView):
    """Name and password; afterwards back to where the person wanted to go."""

    template_name = "console/session/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        user = form.get_user()
        if isinstance(user, User):
            signins.note_sign_in(user)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        signins.note_failure(str(form.data.get("username", "")))
        return super().form_invalid(form)


class SignOut(auth_views.LogoutView):
    """Only by POST, so that no link on another site can do it."""

    http_method_names = ["post", "options"]
    next_page = "console:sign-in"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            signins.note_sign_out(request.user)
        return super().post(request, *args, **kwargs)


def locked_out(request: HttpRequest, credentials: dict[str, Any], *args: Any) -> HttpResponse:
    """What axes answers while a name is locked: the same page with a sentence, not a bare text."""
    name = (credentials or {}).get("username") or request.POST.get("username", "")
    context = {"form": SignInForm(request, initial={"username": name}), "locked": LOCKED}
    return render(request, "console/session/sign_in.html", context, status=LOCKED_STATUS)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps "light", "dark" or "system" in a cookie, and with the account of who is signed in."""
    chosen = request.POST.get("theme", "")
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    if chosen not in (*THEMES, "system"):
        return response
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(theme=chosen if chosen in THEMES else "")
    response.set_cookie(
        "theme", chosen, max_age=YEAR, samesite="Lax", httponly=True, secure=request.is_secure()
    )
    return response


@signed_in
def profile(request: SignedInRequest) -> HttpResponse:
    """Who one is here, what one may do where, the theme, and what one wants as mail."""
    if request.method == "POST":
        form = MailForm(request.POST)
        if form.is_valid():
            choose_mail(actor=request.user, **form.cleaned_data)
            messages.success(request, "Saved.")
        return redirect("console:profile")
    bindings = request.user.bindings.all()
    groups = request.user.groups.prefetch_related("bindings")
    rows = [(binding, "") for binding in bindings]
    rows += [(binding, group.name) for group in groups for binding in group.bindings.all()]
    mail = mail_form(preference_of(request.user))
    context = {"bindings": rows, "groups": groups, "mail": mail, "mailed": mail_is_sent()}
    return render(request, "console/session/profile.html", context)
