"""How far the demo has come."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from salonos.kernel.database import Base


class DemoStage(Base):
    """A stage and how many of its steps are done. `until` is the instant up to which the demo tells its story."""

    __tablename__ = "demo_stages"
    name: Mapped[str] = mapped_column(primary_key=True)
    steps_done: Mapped[int]
    until: Mapped[datetime]
