"""AccountService of version 2: accounts, those changed last first."""

from collections.abc import Iterator
from dataclasses import dataclass

from node.api.backend import ApiBackend
from node.api.convert.v2alpha1 import ToV2
from node.api.queries import account_facts, check_limit, page, parse_plain_address
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import account_pb2
from node.store.accounts import find_account, newest_accounts
from node.types.account import Account


@dataclass(frozen=True, slots=True)
class AccountService:
    """Accounts of the state."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            account_pb2.DESCRIPTOR.services_by_name["AccountService"], {"List": self.list}
        )

    async def list(self, request: account_pb2.AccountRequest) -> account_pb2.AccountList:
        """Return some accounts, or all; those without a row in the state are left out."""
        check_limit(request.limit)
        wanted = await page(self._accounts(request), request.offset, request.limit)
        convert = ToV2(self.backend.prefix)
        return account_pb2.AccountList(
            accounts=[
                convert.account(account_facts(self.backend, account.address)) for account in wanted
            ]
        )

    def _accounts(self, request: account_pb2.AccountRequest) -> Iterator[Account]:
        db = self.backend.db
        if not request.addresses:
            return newest_accounts(db)
        addresses = {parse_plain_address(self.backend, text) for text in request.addresses}
        found = [account for one in sorted(addresses) if (account := find_account(db, one))]
        return iter(sorted(found, key=lambda account: (-account.layer, account.address)))
