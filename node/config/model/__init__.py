"""Every knob of the node: one module per group of sections, ``root`` puts them together.

The defaults are those of the reference's default object, on which its fastnet and
standalone presets are built; the files of ``configs/`` hold what each network changes.
"""
