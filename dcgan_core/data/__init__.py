"""Where do images come from? A file becomes a tensor on one path:

`sources.finding.find` says which source a name leads to: its pictures in order, each with split, label and attributes.
`decoding.square` makes a picture of a file, and `cache.prepare` writes all of them, once, into one file for each split.
`loading.load_data` maps that file into memory: uint8, N x C x S x S, of which `networks.to_input` makes what a net is given.
"""
