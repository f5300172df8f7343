"""Every case of the attack tables as a run directory."""

from functools import partial
from pathlib import Path

from tests.forge import Forge

from . import checkpoints
from .attacks import ATTACKS, Attack, Scene, staged
from .malformed import CHAIN, SCHEMA, every_type, malformed
from .proofs import PROOFS
from .runs import RUNS
from .seals import (
    SEALS,
    verdict_of_somebody_who_waited_in_vain,
    verdicts_that_convince_a_voter_alone,
)

CHECKPOINTS: tuple[Attack, ...] = (
    checkpoints.checkpoint_of_bytes,
    checkpoints.checkpoint_cut,
    checkpoints.checkpoint_too_large,
    checkpoints.checkpoint_of_another_log,
    checkpoints.checkpoint_of_another_chain,
    checkpoints.checkpoint_without_its_owner,
    checkpoints.checkpoint_with_a_false_cosignature,
    checkpoints.checkpoint_with_another_key_id,
    checkpoints.checkpoint_signed_with_another_key,
    checkpoints.checkpoint_of_another_root,
    checkpoints.checkpoint_of_another_beginning,
    checkpoints.checkpoint_ahead_of_the_log,
    checkpoints.log_rewritten_under_its_checkpoint,
    checkpoints.checkpoints_sound,
    checkpoints.checkpoint_with_a_strangers_line,
    checkpoints.checkpoint_with_a_line_of_another_type,
)
"""Attacks on what stands beside a ledger."""


def nothing(_: Scene) -> None:
    """The sound run."""


def with_a_second_replica(attack: Attack, scene: Scene) -> None:
    attack(scene)
    scene.put(scene.blocks, "h2")


def unfinished(attack: Attack, scene: Scene) -> None:
    """The attack on a run that has not come to its end."""
    short = Scene(scene.run, scene.forge, scene.blocks[:-1])
    short.put(short.blocks)
    attack(short)


ALL: dict[str, Attack] = {
    "sound": nothing,
    "verdict_of_somebody_who_waited_in_vain": verdict_of_somebody_who_waited_in_vain,
    "verdicts_that_convince_a_voter_alone": verdicts_that_convince_a_voter_alone,
    **ATTACKS,
    **{f"{name}+h2": partial(with_a_second_replica, each) for name, each in ATTACKS.items()},
    **{name: each for name, (each, *_) in SEALS.items()},
    **{name: each for name, (each, *_) in RUNS.items()},
    **{name: each for name, (each, *_) in PROOFS.items()},
    **{each.__name__: each for each in CHECKPOINTS},
    "unfinished": partial(unfinished, nothing),
    "unfinished_and_torn": partial(unfinished, ATTACKS["truncated_inside_a_record"]),
}
"""All attacks on the run of four hospitals, by name."""


def write_all(directory: Path) -> list[Path]:
    """Write every case; the directories, sorted."""
    forge = Forge()
    blocks = tuple(forge.blocks())
    for name, attack in ALL.items():
        staged(directory / name, forge, blocks, attack)
    everything = tuple(every_type(forge))
    for number, case in enumerate((*SCHEMA, *CHAIN)):
        scene = Scene(directory / f"malformed-{number:03d}", forge, everything)
        scene.put_blobs()
        malformed(scene, case)
    return sorted(directory.iterdir())
