"""Signing in, staying signed in, signing out."""

from datetime import datetime
from typing import Annotated

import strawberry

from salonos.graph.context import Context
from salonos.graph.directives import AUTHENTICATED, PUBLIC
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput
from salonos.graph.roots import Mutation
from salonos.identity import commands
from salonos.identity.graph.problems import (
    PinBlocked,
    RightsBeyondYours,
    SessionEnded,
    TabletNotEnrolled,
    TooManyAttempts,
    WrongCredentials,
)
from salonos.identity.graph.reads import Device, Viewer
from salonos.kernel.ids import id_value
from salonos.kernel.work import Work

Info = strawberry.Info[Context, None]


@strawberry.input(description="Who signs in, and where.")
class SignInInput:
    """Who signs in, and where."""

    username: str = field("In any case and spelling.")
    password: str = field("At most 128 characters.")
    device_name: str | None = field("What the person will recognise this device by, at most 100 characters.")
    device_id: str | None = field(
        "A random text of 16 to 128 printable characters that the client made once and keeps: the device is known by it, "
        "and the session is bound to it."
    )
    tablet_token: str | None = field(
        "On an enrolled tablet, its token, in place of `deviceId`: whoever was signed in on it is signed out."
    )


@strawberry.input(description="Who signs in on an enrolled tablet.")
class SignInWithPinInput:
    """Who signs in on an enrolled tablet."""

    username: str = field("In any case and spelling.")
    pin: str = field("4 to 6 digits.")
    tablet_token: str = field("What `enrollTablet` answered on this tablet; `refreshTokens` takes it as `deviceId`.")


@strawberry.type(description="A person is signed in on a device.")
class SignInSuccess:
    """A person is signed in on a device."""

    access_token: str = field("For the `Authorization` header, as `Bearer …`.")
    refresh_token: str = field(
        "Good for one use, within seven days, or twelve hours on an enrolled tablet: for `refreshTokens`. Keep it secret."
    )
    expires_at: datetime = field("When the access token ends.")
    viewer: Viewer = field("Who is signed in.")


@strawberry.input(description="A refresh token to be used up.")
class RefreshTokensInput:
    """A refresh token to be used up."""

    refresh_token: str = field("The latest that was handed out.")
    device_id: str | None = field("The one that was sent to `signIn`; demanded where one was.")


@strawberry.type(description="The next tokens of a session.")
class RefreshTokensSuccess:
    """The next tokens of a session."""

    access_token: str = field("For the `Authorization` header, as `Bearer …`.")
    refresh_token: str = field("Takes the place of the one that was sent, which is used up.")
    expires_at: datetime = field("When the access token ends.")
    viewer: Viewer = field("Who is signed in, with the rights of now.")


@strawberry.input(description="Where to sign out.")
class SignOutInput:
    """Where to sign out."""

    all_devices: bool = field("Everywhere, and not on this device only.", default=False)


@strawberry.type(description="The session is over, or all are.")
class SignOutSuccess:
    """The session is over, or all are."""

    devices_signed_out: int = field("How many devices were signed in.")


@strawberry.input(description="A device to sign out.")
class SignOutDeviceInput:
    """A device to sign out."""

    device_id: strawberry.ID = field("An own device, or one of somebody whom you administer.")


@strawberry.type(description="The device is signed out.")
class SignOutDeviceSuccess:
    """The device is signed out."""

    device: Device | None = field("As it is now.")


SignInResult = Annotated[
    SignInSuccess | WrongCredentials | TooManyAttempts | InvalidInput,
    strawberry.union("SignInResult", description="What became of it."),
]
SignInWithPinResult = Annotated[
    SignInSuccess | WrongCredentials | PinBlocked | TabletNotEnrolled | TooManyAttempts | InvalidInput,
    strawberry.union("SignInWithPinResult", description="What became of it."),
]
RefreshTokensResult = Annotated[
    RefreshTokensSuccess | SessionEnded | InvalidInput,
    strawberry.union("RefreshTokensResult", description="What became of it."),
]
SignOutResult = Annotated[
    SignOutSuccess | InvalidInput, strawberry.union("SignOutResult", description="What became of it.")
]
SignOutDeviceResult = Annotated[
    SignOutDeviceSuccess | InvalidInput | RightsBeyondYours,
    strawberry.union("SignOutDeviceResult", description="What became of it."),
]


def device(info: Info, *, name: str | None = None, id: str | None = None) -> commands.Device:
    """Who sends, as far as a request tells."""
    request = info.context.request
    return commands.Device(id=id, name=name or "", address=request.address, program=request.user_agent)


def success(signed_in: commands.SignedIn) -> SignInSuccess:
    """A new session's answer."""
    return SignInSuccess(
        access_token=signed_in.access_token,
        refresh_token=signed_in.refresh_token,
        expires_at=signed_in.expires_at,
        viewer=ref(Viewer, actor=signed_in.actor),
    )


@extend(Mutation)
class SessionWrites:
    """Signing in and out."""

    @mutation("Sign in with a password.", requires=PUBLIC, idempotency=Idempotency.IGNORED, transaction=False)
    async def sign_in(self, info: Info, input: SignInInput) -> SignInResult:
        """Signs in."""
        signed_in = await commands.sign_in(
            info.context.database,
            username=input.username,
            password=input.password,
            device=device(info, name=input.device_name, id=input.device_id),
            tablet_token=input.tablet_token,
        )
        return success(signed_in)

    @mutation(
        "Sign in with a PIN, on an enrolled tablet only: whoever was signed in on it is signed out.",
        requires=PUBLIC,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def sign_in_with_pin(self, info: Info, input: SignInWithPinInput) -> SignInWithPinResult:
        """Signs in."""
        signed_in = await commands.sign_in_with_pin(
            info.context.database,
            username=input.username,
            pin=input.pin,
            tablet_token=input.tablet_token,
            device=device(info),
        )
        return success(signed_in)

    @mutation(
        "Use up a refresh token and get the next ones. A token that comes a second time signs the device out.",
        requires=PUBLIC,
        idempotency=Idempotency.IGNORED,
        transaction=False,
    )
    async def refresh_tokens(self, info: Info, input: RefreshTokensInput) -> RefreshTokensResult:
        """Refreshes."""
        signed_in = await commands.refresh(
            info.context.database, refresh_token=input.refresh_token, device=device(info, id=input.device_id)
        )
        return RefreshTokensSuccess(
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            expires_at=signed_in.expires_at,
            viewer=ref(Viewer, actor=signed_in.actor),
        )

    @mutation("Sign out, here or everywhere.", requires=AUTHENTICATED, idempotency=Idempotency.IGNORED)
    async def sign_out(self, work: Work, input: SignOutInput) -> SignOutResult:
        """Signs out."""
        ended = await commands.sign_out(work, is_everywhere=input.all_devices)
        return SignOutSuccess(devices_signed_out=ended)

    @mutation("Sign one device out.", requires=AUTHENTICATED, idempotency=Idempotency.IGNORED)
    async def sign_out_device(self, work: Work, input: SignOutDeviceInput) -> SignOutDeviceResult:
        """Signs a device out."""
        session_id = await commands.sign_out_device(work, id_value("session", input.device_id))
        return SignOutDeviceSuccess(device=ref(Device, session_id))
