"""Following the player: how well the beat tracker (native/src/beats.c) finds the beats of what is played."""
