"""The tower of the singer's networks: a sequence at once is the same as block by block."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch judges here: pip install torch")

from ripieno.models.singing.tower import Tower  # noqa: E402

DIM, WINDOW, STEPS = 48, 7, 40


def tower() -> Tower:
    torch.manual_seed(3)
    made = Tower(DIM, 3, 3, 80, WINDOW)
    for weight in made.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.2)  # so that attention matters
    return made.eval()


@torch.no_grad()
def test_steps_are_the_sequence() -> None:
    """Also long after the ring has gone round."""
    made, x = tower(), torch.randn(2, STEPS, DIM)
    cache = made.cache(2)
    streamed = torch.stack([made.step(x[:, step], cache) for step in range(STEPS)], 1)
    assert torch.allclose(streamed, made(x), atol=2e-5)


@torch.no_grad()
def test_a_step_hears_the_window_and_no_more() -> None:
    made, x = Tower(DIM, 1, 3, 80, WINDOW).eval(), torch.randn(1, STEPS, DIM)
    other = x.clone()
    other[:, 10] += 1.0
    changed = (made(x) - made(other)).abs().amax(-1)[0] > 0
    assert changed.nonzero().flatten().tolist() == list(range(10, 10 + WINDOW))


def test_it_says_when_heads_do_not_fit() -> None:
    with pytest.raises(ValueError, match="cannot be divided among 3 heads"):
        Tower(50, 1, 3, 80, WINDOW)
