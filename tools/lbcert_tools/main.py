"""The command line ``lbcert``: one group, its commands imported only when they are called.

Exit codes: 0 conformant (also with deviations), 1 not conformant, 2 a mistake in the command or the profile,
3 undetermined: the testbed, the suite or the machine did not let anything be said.
"""

import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from lbcert_tools import __version__
from lbcert_tools.refusals import UNDETERMINED, Refusal, refusal_for

COMMANDS = {
    "certify": "certifying:certify",
    "list": "catalogue:list_",
    "explain": "catalogue:explain",
    "doctor": "doctoring:doctor",
    "profile": "profiles:profile",
    "report": "reporting:report",
    "judge": "reporting:judge",
    "bundle": "reporting:bundle",
    "diff": "reporting:diff",
    "lab": "labs:lab",
    "kind": "kinds:kind",
    "chaos": "chaos:chaos",
    "cache": "caching:cache",
}


class Commands(click.Group):
    """Commands in the order in which a newcomer meets them; each is imported when it is needed."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command; click says it if there is none."""
        if name not in COMMANDS:
            return super().get_command(ctx, name)
        module, _, function = COMMANDS[name].partition(":")
        command = getattr(importlib.import_module(f"lbcert_tools.commands.{module}"), function)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lbcert", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="On an error, write the traceback to a file and say where.")
def cli(debug: bool) -> None:
    """Certify a bare-metal Kubernetes load balancer that claims to be MetalLB-compatible.

    \b
    Start here:
      lbcert doctor                              can this machine carry a lab?
      lbcert certify --profile metallb-native    a certificate of MetalLB, with a report
      lbcert lab up && lbcert lab shell client   a cluster with routers to look around in
      lbcert profile new "My LB" > my-lb.toml    begin to declare your own implementation

    Exit codes: 0 conformant (also with deviations), 1 not conformant, 2 a mistake in the command or the
    profile, 3 undetermined.
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit code. Nothing but an exit code and clear words comes out."""
    try:
        result: Any = cli(arguments, prog_name="lbcert", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("lbcert: stopped", err=True)
        return 130
    except BrokenPipeError:  # whoever read our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last one to say something clear
        refusal = refusal_for(error) or _fault_of_ours(error)
        refusal.show()
        if "--debug" in arguments:
            click.echo(f"The traceback is in {_write_traceback()}", err=True)
        return refusal.exit_code
    return result if isinstance(result, int) else 0


def _fault_of_ours(error: Exception) -> Refusal:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    text = f"lbcert itself failed: {type(error).__name__}: {error}{place}"
    return Refusal(text, "This is a fault of lbcert. Run it as `lbcert --debug ...` and report it.", UNDETERMINED)


def _write_traceback() -> Path:
    path = Path(f"lbcert-debug-{os.getpid()}.log").absolute()
    path.write_text(traceback.format_exc())
    return path


def main() -> None:
    """Entry point of the program ``lbcert``; to be asked to end, or to lose the terminal, is to be interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # who began us with nohup has us go on
        signal.signal(signal.SIGHUP, _hang_up)
    sys.exit(run(sys.argv[1:]))


def _hang_up(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # shell and kernel say it both, and twice is "at once"
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
