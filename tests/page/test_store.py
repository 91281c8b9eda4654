"""The page's own small reactive store."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_BEGIN = """
  const { Signal, effect } = await import("/page/store.js");
  const frame = () => new Promise(requestAnimationFrame);
"""


def run(page: "Page", body: str) -> object:
    return page.evaluate(f"async () => {{ {_BEGIN} {body} }}")


def test_many_changes_are_drawn_once(page: "Page") -> None:
    told = run(page, """
      const one = new Signal(0), seen = [];
      effect(() => seen.push(one.value));
      for (let n = 1; n <= 1000; n++) one.value = n;
      await frame(); await frame();
      return seen;
    """)  # fmt: skip
    assert told == [0, 1000]


def test_only_what_was_read_counts(page: "Page") -> None:
    told = run(page, """
      const which = new Signal(true), left = new Signal("l"), right = new Signal("r"), seen = [];
      effect(() => seen.push(which.value ? left.value : right.value));
      right.value = "unseen";
      await frame(); await frame();
      which.value = false;
      await frame(); await frame();
      left.value = "unseen";
      await frame(); await frame();
      return seen;
    """)  # fmt: skip
    assert told == ["l", "unseen"]


def test_what_has_ended_is_not_run(page: "Page") -> None:
    """Even where its end comes in the frame in which it was to run."""
    told = run(page, """
      const one = new Signal(0), seen = [];
      let end;
      effect(() => one.value === 1 && end());
      end = effect(() => seen.push(one.value));
      one.value = 1;
      await frame(); await frame();
      one.value = 2;
      await frame(); await frame();
      return seen;
    """)  # fmt: skip
    assert told == [0]
