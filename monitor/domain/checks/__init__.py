"""The checks, one file each: the facts it needs and the judgement it makes of them."""
