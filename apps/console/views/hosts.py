"""The host catalogue: sets and their editions, what is in force, imports, comparisons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, require
from apps.analysis import hosteditions, hostfile
from apps.analysis.hostediting import Place, add_edition, adopt, retire
from apps.analysis.hosteditions import Edition, NamedSet
from apps.analysis.hosteffects import effect
from apps.common import clock
from apps.common.errors import ConsoleError
from apps.console import facets
from apps.console.access import cluster_or_404, visible_clusters
from apps.console.forms.hosts import AdoptForm, EditionForm, RetireForm, adopt_form
from apps.console.guard import SignedInRequest, signed_in, status_of
from apps.mesh.hostchanges import differ
from apps.mesh.hostsets import FIRST_EDITION, SPEEDSCALE, HostSet

CAUTION = (
    "These hosts are subject to change: a vendor's list of today is not that of next year. Name hosts and "
    "let TLS secure them rather than allowing addresses."
)


@signed_in
def hosts(request: SignedInRequest) -> HttpResponse:
    """Every set with the edition in force."""
    hosteditions.require_reader(request.user)
    context = {
        "sets": hosteditions.sets(),
        "administers": hosteditions.administers(request.user),
        "caution": CAUTION,
    }
    return render(request, "console/hosts/list.html", context)


@signed_in
def hostset(request: SignedInRequest, hostset: str) -> HttpResponse:
    """One set: its editions, and every act on it."""
    return _set_page(request, _set(request, hostset), RetireForm())


@signed_in
def edition(request: SignedInRequest, hostset: str, number: int) -> HttpResponse:
    """One edition with its hosts; `cluster` in the address asks what it would do there."""
    known = _set(request, hostset)
    shown = _edition(known, number)
    if request.GET.get("format") == "yaml":
        return _as_file(shown)
    place = known.acts[0] if known.acts and known.acts[0].number else None
    form = adopt_form(Place(place.environment, place.cluster, tuple(place.namespaces)) if place else None)
    return _edition_page(request, known, shown, form)


@require_POST
@signed_in
def hosts_adopt(request: SignedInRequest, hostset: str, number: int) -> HttpResponse:
    """Puts an edition in force; a refusal keeps what was typed."""
    known = _set(request, hostset)
    shown = _edition(known, number)
    form = AdoptForm(request.POST)
    if not form.is_valid():
        return _edition_page(request, known, shown, form, status=400)
    reason = form.cleaned_data["reason"]
    try:
        adopt(actor=request.user, name=hostset, number=number, reason=reason, place=form.place())
    except ConsoleError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _edition_page(request, known, shown, form, status=status_of(refusal))
    messages.success(request, f"{shown.hostset} is in force. The clusters are analysed anew.")
    return redirect("console:hosts-set", hostset)


@require_POST
@signed_in
def hosts_retire(request: SignedInRequest, hostset: str) -> HttpResponse:
    """Takes a set out of use."""
    known = _set(request, hostset)
    form = RetireForm(request.POST)
    if not form.is_valid():
        return _set_page(request, known, form, status=400)
    try:
        retire(actor=request.user, name=hostset, reason=form.cleaned_data["reason"])
    except ConsoleError as refusal:
        form.add_error(None, refusal.message)
        return _set_page(request, known, form, status=status_of(refusal))
    messages.success(request, f"{hostset} is out of use. The clusters are analysed anew.")
    return redirect("console:hosts-set", hostset)


@signed_in
def hosts_new(request: SignedInRequest) -> HttpResponse:
    """A new edition, of the set in the address or of another one: first what differs, then it is kept."""
    require(request.user, Permission.ADMINISTER, action="hosts.add")
    if request.method != "POST":
        return _new_page(request, EditionForm(initial=_start(facets.typed(request, "set"))))
    form = EditionForm(request.POST, request.FILES)
    typed = form.hostset(_known(request.POST.get("name", "").strip())) if form.is_valid() else None
    if typed is None:
        return _new_page(request, form, status=400)
    if "preview" in request.POST:
        return _new_page(request, form, typed)
    try:
        made = add_edition(actor=request.user, hostset=typed, reason=form.cleaned_data["reason"])
    except ConsoleError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _new_page(request, form, typed, status=status_of(refusal))
    messages.success(request, f"{made} is kept. It counts nowhere until it is put in force.")
    return redirect("console:hosts-edition", made.name, made.number)


@signed_in
def hosts_compare(request: SignedInRequest, hostset: str) -> HttpResponse:
    """Two editions of a set, host by host and as text."""
    known = _set(request, hostset)
    numbers = [one.number for one in known.editions]
    before = _asked(request, "before", numbers, known.number or numbers[-1])
    after = _asked(request, "after", numbers, numbers[0])
    old, new = _edition(known, before), _edition(known, after)
    context = {
        "known": known,
        "before": old,
        "after": new,
        **_difference(old.hostset, new.hostset),
        "crumbs": [*_crumbs(hostset), ("Compare", "")],
    }
    return render(request, "console/hosts/compare.html", context)


def _set(request: SignedInRequest, name: str) -> NamedSet:
    hosteditions.require_reader(request.user)
    found = hosteditions.set_of(name)
    if found is None:
        raise Http404
    return found


def _edition(known: NamedSet, number: int) -> Edition:
    found = known.get(number)
    if found is None:
        raise Http404
    return found


def _asked(request: HttpRequest, name: str, numbers: list[int], default: int) -> int:
    """The number that the address asks for; a wrong one is no error."""
    text = request.GET.get(name, "")
    wanted = int(text) if text.isdecimal() and len(text) < 10 else default
    return wanted if wanted in numbers else default


def _known(name: str) -> HostSet:
    """The edition in force of a set, from which a plain list takes what it knows of a host."""
    found = hosteditions.set_of(name) if name else None
    return found.in_force.hostset if found is not None and found.in_force is not None else FIRST_EDITION


def _start(name: str) -> dict[str, str]:
    """What the form begins with: the newest edition of the set under the day's name."""
    found = hosteditions.set_of(name)
    if found is None:
        return {}
    newest = found.in_force or found.editions[0]
    dated = replace(newest.hostset, edition=clock.now().date().isoformat())
    return {"content": hostfile.as_text(dated), "name": name}


def _difference(before: HostSet | None, after: HostSet) -> dict[str, Any]:
    return {
        "changes": differ(before.hosts if before is not None else (), after.hosts),
        "text_before": hostfile.as_text(before) if before is not None else "",
        "text_after": hostfile.as_text(after),
    }


def _set_page(
    request: SignedInRequest, known: NamedSet, form: RetireForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "known": known,
        "form": form,
        "administers": hosteditions.administers(request.user),
        "speedscale": known.name == SPEEDSCALE,
        "crumbs": [*_crumbs(), (known.name, "")],
    }
    return render(request, "console/hosts/set.html", context, status=status)


def _edition_page(
    request: SignedInRequest, known: NamedSet, shown: Edition, form: AdoptForm, *, status: int = 200
) -> HttpResponse:
    administers = hosteditions.administers(request.user)
    asked = facets.typed(request, "cluster") if administers else ""
    context = {
        "known": known,
        "edition": shown,
        "form": form,
        "speedscale": known.name == SPEEDSCALE,
        "administers": administers,
        "clusters": visible_clusters(request.user).order_by("name") if administers else (),
        "asked": asked,
        "effect": effect(cluster_or_404(request.user, asked), shown.hostset) if asked else None,
        "caution": CAUTION,
        "crumbs": [*_crumbs(known.name), (f"Edition {shown.hostset.edition}", "")],
    }
    return render(request, "console/hosts/edition.html", context, status=status)


def _new_page(
    request: SignedInRequest, form: EditionForm, typed: HostSet | None = None, *, status: int = 200
) -> HttpResponse:
    known = hosteditions.set_of(typed.name) if typed is not None else None
    base = known.in_force or known.editions[0] if known is not None else None
    context: dict[str, Any] = {
        "form": form,
        "typed": typed,
        "base": base,
        "crumbs": [*_crumbs(), ("New edition", "")],
    }
    if typed is not None:
        context |= _difference(base.hostset if base is not None else None, typed)
    return render(request, "console/hosts/new.html", context, status=status)


def _as_file(shown: Edition) -> HttpResponse:
    name = f"{shown.name}-{shown.hostset.edition}.yaml"
    return HttpResponse(
        hostfile.as_text(shown.hostset),
        content_type="application/yaml",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _crumbs(name: str = "") -> list[tuple[str, str]]:
    first = [("Host sets", reverse("console:hosts"))]
    return [*first, (name, reverse("console:hosts-set", args=[name]))] if name else first
