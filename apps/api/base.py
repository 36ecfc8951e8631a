"""What every endpoint shares: who asks, with which scope, how lists are paged. No area's knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from apps.accounts.models import ApiToken, User
from apps.accounts.permissions import Permission
from apps.accounts.tokens import scope_allows
from apps.api.errors import NotFoundError
from apps.clusters import selectors as clusters
from apps.clusters.models import Cluster
from apps.common.errors import PermissionDeniedError

PAGE_SIZE = 50
PAGE_LIMIT = 200


class Paging(PageNumberPagination):
    """`?page=2&page_size=100`; at most 200 a page."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = PAGE_LIMIT


class Endpoint(APIView):
    """`needs` names, for each method, what a token's scopes must cover: it, or one of several. Whether the
    person holds it for the thing at hand is decided by the selector or the action."""

    permission_classes = [IsAuthenticated]
    needs: ClassVar[Mapping[str, Permission | tuple[Permission, ...]]] = {"GET": Permission.VIEW}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        needed = self.needs.get(request.method or "", ())
        one_of = needed if isinstance(needed, tuple) else (needed,)
        token = request.auth
        if isinstance(token, ApiToken) and one_of and not any(scope_allows(token, p) for p in one_of):
            raise PermissionDeniedError(
                f"The token's scopes ({', '.join(token.scopes)}) do not cover «{' or '.join(one_of)}».",
                code="scope_missing",
            )

    @property
    def person(self) -> User:
        return cast(User, self.request.user)

    def cluster(self, name: str) -> Cluster:
        """The cluster, if the person may see it."""
        found = clusters.visible(self.person).filter(name=name).first()
        if found is None:
            raise NotFoundError(f"There is no cluster «{name[:63]}», or you may not see it.")
        return found

    def given(self, columns: Mapping[str, str]) -> dict[str, str]:
        """The filters of the query that were asked for, by column; a value with a NUL matches nothing."""
        asked = self.request.query_params
        return {c: asked[name].replace("\x00", "") for name, c in columns.items() if asked.get(name)}

    def paged(self, rows: QuerySet[Any] | list[Any], serializer: type[BaseSerializer[Any]]) -> Response:
        """One page of a list."""
        paging = Paging()
        page = paging.paginate_queryset(rows, self.request, view=self)
        return paging.get_paginated_response(serializer(page, many=True).data)

    def checked(self, serializer: type[BaseSerializer[Any]], data: Any = None) -> dict[str, Any]:
        """The body (or `data`, such as the query) as an input serializer reads it."""
        reader = serializer(data=self.request.data if data is None else data)
        reader.is_valid(raise_exception=True)
        return cast(dict[str, Any], reader.validated_data)
