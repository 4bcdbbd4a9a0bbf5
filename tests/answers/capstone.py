"""Answers to the capstone, exercise C.1: whole classes, right in other ways than the solution, or with one mistake."""

from . import but

RIGHT = {
    "check_mixer": {
        "one class, einsum": """
            def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
                         tokens_mlp_dim, channels_mlp_dim):
                super().__init__()
                self.P, C, S = patch_size, hidden_dim, (image_size // patch_size) ** 2
                sizes = [(S, tokens_mlp_dim), (tokens_mlp_dim, S), (C, channels_mlp_dim), (channels_mlp_dim, C)]
                self.stem = nn.Linear(in_channels * patch_size ** 2, C)
                self.layers = nn.ModuleList()
                for block in range(num_blocks):
                    for i, (m, n) in enumerate(sizes):
                        if i % 2 == 0:
                            self.layers.append(nn.LayerNorm(C, eps=1e-6))
                        self.layers.append(nn.Linear(m, n))
                self.layers.append(nn.LayerNorm(C, eps=1e-6))
                self.layers.append(nn.Linear(C, num_classes))

            def forward(self, images):
                P, (*blocks, norm, head) = self.P, self.layers
                B, C_in, H, W = images.shape
                x = images.reshape(B, C_in, H // P, P, W // P, P)
                w = self.stem.weight.reshape(-1, C_in, P, P)
                x = torch.einsum("bciujv,dcuv->bijd", x, w).flatten(1, 2) + self.stem.bias
                for i in range(0, len(blocks), 6):
                    norm1, fc1, fc2, norm2, fc3, fc4 = blocks[i:i + 6]
                    h = torch.einsum("bsc,ds->bdc", norm1(x), fc1.weight) + fc1.bias[:, None]
                    x = x + torch.einsum("bdc,sd->bsc", F.gelu(h), fc2.weight) + fc2.bias[:, None]
                    h = torch.einsum("bsc,dc->bsd", norm2(x), fc3.weight) + fc3.bias
                    x = x + torch.einsum("bsd,cd->bsc", F.gelu(h), fc4.weight) + fc4.bias
                return torch.einsum("bsc,kc->bk", norm(x), head.weight) / x.shape[1] + head.bias""",
        "helper classes, convolution": """
            class Mlp(nn.Module):
                def __init__(self, n, hidden):
                    super().__init__()
                    self.first, self.switch, self.second = nn.Linear(n, hidden), nn.GELU(), nn.Linear(hidden, n)

                def forward(self, x):
                    return self.second(self.switch(self.first(x)))

            class Block(nn.Module):
                def __init__(self, S, C, tokens_mlp_dim, channels_mlp_dim):
                    super().__init__()
                    self.norm1 = nn.LayerNorm(C, eps=1e-6)
                    self.tokens = Mixer.Mlp(S, tokens_mlp_dim)
                    self.norm2 = nn.LayerNorm(C, eps=1e-6)
                    self.channels = Mixer.Mlp(C, channels_mlp_dim)

                def forward(self, x):
                    x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
                    return x + self.channels(self.norm2(x))

            def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
                         tokens_mlp_dim, channels_mlp_dim):
                super().__init__()
                self.stem = nn.Conv2d(in_channels, hidden_dim, patch_size, stride=patch_size)
                S = (image_size // patch_size) * (image_size // patch_size)
                self.body = nn.Sequential(*[Mixer.Block(S, hidden_dim, tokens_mlp_dim, channels_mlp_dim)
                                            for i in range(num_blocks)], nn.LayerNorm(hidden_dim, eps=1e-6))
                self.head = nn.Linear(hidden_dim, num_classes)

            def forward(self, images):
                x = self.stem(images).flatten(2).transpose(1, 2)
                return self.head(self.body(x).mean(1))""",
        "unfold, convolutions over the tokens": """
            def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
                         tokens_mlp_dim, channels_mlp_dim):
                super().__init__()
                S, C, D_S, D_C = (image_size // patch_size) ** 2, hidden_dim, tokens_mlp_dim, channels_mlp_dim
                self.unfold = nn.Unfold(patch_size, stride=patch_size)
                self.embed = nn.Linear(in_channels * patch_size * patch_size, C)
                self.branches = nn.ModuleList()
                for i in range(num_blocks):
                    self.branches.append(nn.Sequential(nn.LayerNorm(C, 1e-6), nn.Conv1d(S, D_S, 1), nn.GELU(),
                                                       nn.Conv1d(D_S, S, 1)))
                    self.branches.append(nn.Sequential(nn.LayerNorm(C, 1e-6), nn.Linear(C, D_C), nn.GELU(),
                                                       nn.Linear(D_C, C)))
                self.end = nn.Sequential(nn.LayerNorm(C, 1e-6), nn.Linear(C, num_classes))
                nn.init.zeros_(self.end[1].weight)

            def forward(self, images):
                x = self.embed(self.unfold(images).mT)
                for branch in self.branches:
                    x = x + branch(x)
                return self.end(x).mean(dim=1)""",
        "loops, and a table of single precision": """
            def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
                         tokens_mlp_dim, channels_mlp_dim):
                super().__init__()
                S, C, self.P = (image_size // patch_size) ** 2, hidden_dim, patch_size
                self.embed = nn.Linear(in_channels * patch_size * patch_size, C)
                self.blocks = nn.ModuleList()
                for i in range(num_blocks):
                    self.blocks.append(nn.ModuleDict({
                        "norm1": nn.LayerNorm(C, eps=1e-6),
                        "tokens": nn.Sequential(nn.Linear(S, tokens_mlp_dim), nn.GELU(), nn.Linear(tokens_mlp_dim, S)),
                        "norm2": nn.LayerNorm(C, eps=1e-6),
                        "channels": nn.Sequential(nn.Linear(C, channels_mlp_dim), nn.GELU(),
                                                  nn.Linear(channels_mlp_dim, C))}))
                self.norm = nn.LayerNorm(C, eps=1e-6)
                self.head = nn.Linear(C, num_classes)

            def forward(self, images):
                rows = []
                for top in range(0, images.shape[2], self.P):
                    for left in range(0, images.shape[3], self.P):
                        rows.append(images[:, :, top:top + self.P, left:left + self.P].flatten(1))
                x = self.embed(torch.stack(rows, dim=1))
                for block in self.blocks:
                    y, news = block["norm1"](x), torch.zeros(x.shape)
                    for c in range(x.shape[2]):
                        news[:, :, c] = block["tokens"](y[:, :, c])
                    x = x + news
                    x = x + block["channels"](block["norm2"](x))
                return self.head(self.norm(x).mean(dim=1))""",
    },
}

MIXER = """
    def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim, tokens_mlp_dim,
                 channels_mlp_dim):
        super().__init__()
        S, C, D_S, D_C = (image_size // patch_size) ** 2, hidden_dim, tokens_mlp_dim, channels_mlp_dim
        self.P = patch_size
        self.embed = nn.Linear(in_channels * patch_size ** 2, C)
        self.blocks = nn.ModuleList()
        for i in range(num_blocks):
            block = nn.Module()
            block.norm1 = nn.LayerNorm(C, eps=1e-6)
            block.fc1 = nn.Linear(S, D_S)
            block.fc2 = nn.Linear(D_S, S)
            block.norm2 = nn.LayerNorm(C, eps=1e-6)
            block.fc3 = nn.Linear(C, D_C)
            block.fc4 = nn.Linear(D_C, C)
            self.blocks.append(block)
        self.norm = nn.LayerNorm(C, eps=1e-6)
        self.head = nn.Linear(C, num_classes)
        self.gelu = nn.GELU()

    def forward(self, images):
        P = self.P
        B, C_in, H, W = images.shape
        x = images.reshape(B, C_in, H // P, P, W // P, P)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(B, -1, C_in * P * P)
        x = self.embed(x)
        for block in self.blocks:
            y = block.norm1(x).mT
            y = block.fc2(self.gelu(block.fc1(y)))
            x = x + y.mT
            y = block.norm2(x)
            y = block.fc4(self.gelu(block.fc3(y)))
            x = x + y
        x = self.norm(x)
        x = x.mean(dim=1)
        return self.head(x)
"""

WRONG = {
    "check_mixer": {name: (word, but(MIXER, *changes)) for name, word, *changes in [
        # __init__
        ("other names", "TypeError.*unexpected keyword argument 'image_size'", ("image_size", "side")),
        ("dropout", "has no dropout", ("return self.head(x)", "return self.head(F.dropout(x, 0.1, self.training))")),
        ("no super", r"super\(\).__init__", ("super().__init__()", "self.training = True"),
         ("self.embed = nn", "embed = nn"), ("self.blocks", "blocks"), ("self.norm", "norm"), ("self.head", "head"),
         ("self.gelu", "gelu"), ("blocks = nn.ModuleList()", "blocks = []")),
        ("super last", r"The first line of `__init__` must be super\(\)", ("super().__init__()", "pass")),
        ("blocks not entered", "does not go through them", ("            x = x + y\n        x = self.norm(x)",
                                                            "            z = x + y\n        x = self.norm(x)"),
         ("            x = x + y.mT\n            y = block.norm2(x)", "            y = block.norm2(x + y.mT)")),
        ("in place", r"write x = x \+", ("            x = x + y\n", "            x += y\n")),
        ("list called", "Loop over a ModuleList", ("x = x + y.mT", "x = self.blocks(x)")),
        ("conv reshaped", "maps of the convolution are reshaped",
         ("self.embed = nn.Linear(in_channels * patch_size ** 2, C)",
          "self.embed = nn.Conv2d(in_channels, C, patch_size, stride=patch_size)"),
         ("        x = self.embed(x)\n", "        x = self.embed(images).reshape(B, -1, self.head.in_features)\n")),
        ("conv without stride", "Is the convolution's stride missing",
         ("self.embed = nn.Linear(in_channels * patch_size ** 2, C)",
          "self.embed = nn.Conv2d(in_channels, C, patch_size)"),
         ("        x = self.embed(x)\n", "        x = self.embed(images).flatten(2).mT\n")),
        ("token norm after its MLP", "LayerNorm of token mixing comes after", ("y = block.norm1(x).mT", "y = x.mT"),
         ("x = x + y.mT", "x = x + block.norm1(y.mT)")),
        ("channel norm after its MLP", "LayerNorm of channel mixing comes after", ("y = block.norm2(x)", "y = x"),
         ("            x = x + y\n", "            x = x + block.norm2(y)\n")),
        ("sides do not tile", "stopped with TypeError.*float.*in the line .*divide with //",
         ("(image_size // patch", "(image_size / patch")),
        ("no __init__", "Mixer has a forward, but no __init__", ("__init__(self, image", "init(self, image")),
        ("library's parts", "mixer_lib's PatchEmbedding", ("self.embed = nn.Linear(in_channels * patch_size ** 2, C)",
          "from mixer_lib.model import PatchEmbedding\n        self.embed = PatchEmbedding(image_size, "
          "patch_size, in_channels, hidden_dim)")),
        ("library's patchify", "library's `patchify` does the work",
         ("x = images.reshape(B, C_in, H // P, P, W // P, P)\n", "x = patchify(images, P)\n"),
         ("        x = x.permute(0, 2, 4, 1, 3, 5).reshape(B, -1, C_in * P * P)\n", "")),
        ("own parameters", "parts: Mixer has parameters of its own",
         ("self.embed = nn.Linear(in_channels * patch_size ** 2, C)",
          "self.embed = nn.Parameter(torch.randn(in_channels * patch_size ** 2, C))")),
        ("BatchNorm", "BatchNorm1d has parameters",
         ("self.norm = nn.LayerNorm(C, eps=1e-6)", "self.norm = nn.BatchNorm1d(C)")),
        # the parts
        ("no embedding", "parts: the patch embedding: missing",
         ("self.embed = nn.Linear(in_channels * patch_size ** 2, C)", "")),
        ("no token norm", "the LayerNorm before token mixing in every block: missing",
         ("block.norm1 = nn.LayerNorm(C, eps=1e-6)", "")),
        ("no channel norm", "the LayerNorm before channel mixing in every block: missing",
         ("block.norm2 = nn.LayerNorm(C, eps=1e-6)", "block.norm2 = block.norm1")),
        ("no block norms", "the LayerNorms of the blocks: missing", ("block.norm1 = nn.LayerNorm(C, eps=1e-6)", ""),
         ("block.norm2 = nn.LayerNorm(C, eps=1e-6)", "")),
        ("no last norm", "the last LayerNorm: missing", ("self.norm = nn.LayerNorm(C, eps=1e-6)", "")),
        ("no head", "the head: missing", ("self.head = nn.Linear(C, num_classes)", "")),
        ("no end", "your model ends before the last LayerNorm",
         ("self.norm = nn.LayerNorm(C, eps=1e-6)", "pass"), ("self.head = nn.Linear(C, num_classes)", "pass")),
        ("no second layer", "fc2 of channel mixing in every block: missing", ("block.fc4 = nn.Linear(D_C, C)", "")),
        ("norms have no weights", "all LayerNorms: missing", ("eps=1e-6", "eps=1e-6, elementwise_affine=False")),
        ("plain list", "does not look into a plain list", ("self.blocks = nn.ModuleList()", "self.blocks = []")),
        ("one block", "num_blocks is 2, .* blocks is 1", ("range(num_blocks)", "range(1)")),
        ("the same block again and again", "2 times the same", ("range(num_blocks)", "range(1)"),
         ("self.norm =", "self.blocks = nn.ModuleList([block] * num_blocks)\n        self.norm =")),
        ("a block too many", "num_blocks is 2, .* blocks is 3", ("range(num_blocks)", "range(num_blocks + 1)")),
        ("a second head", "one more after the head",
         ("self.gelu =", "self.head2 = nn.Linear(C, C); self.gelu =")),
        ("norm and head swapped", "in another order", ("self.norm = nn.LayerNorm(C, eps=1e-6)", "pass"),
         ("self.gelu =", "self.norm = nn.LayerNorm(C, eps=1e-6); self.gelu =")),
        ("channel mixing made first", r"fc1 of token mixing in block 0.*\[D_C, C\] = \[20, 11\].*in another order",
         ("block.fc1 = nn.Linear(S, D_S)", "block.fc3 = nn.Linear(C, D_C)"),
         ("block.fc2 = nn.Linear(D_S, S)", "block.fc4 = nn.Linear(D_C, C)"),
         ("nn.LayerNorm(C, eps=1e-6)\n            block.fc3 = nn.Linear(C, D_C)\n            block.fc4 = "
          "nn.Linear(D_C, C)\n            self.b",
          "nn.LayerNorm(C, eps=1e-6)\n            block.fc1 = nn.Linear(S, D_S)\n            block.fc2 = "
          "nn.Linear(D_S, S)\n            self.b")),
        ("token MLP over the channels",
         r"fc1 of token mixing in block 0 should be .*\[D_S, S\] = \[7, 25\], .*\[D_S, C\] = \[7, 11\]",
         ("nn.Linear(S, D_S)", "nn.Linear(C, D_S)"), ("nn.Linear(D_S, S)", "nn.Linear(D_S, C)")),
        ("one side", r"H/P\] = \[7, 5\]", ("(image_size // patch_size) ** 2", "image_size // patch_size")),
        ("one color", r"\[C, D\] = \[11, 12\].*\[C, P·P\] = \[11, 4\]",
         ("in_channels * patch_size ** 2, C)", "patch_size ** 2, C)")),
        ("widths swapped", r"\[D_S, S\] = \[7, 25\].*\[D_C, S\] = \[20, 25\]",
         ("tokens_mlp_dim, channels_mlp_dim\n", "channels_mlp_dim, tokens_mlp_dim\n")),
        ("norm over tokens and channels", "channels of one token",
         ("block.norm1 = nn.LayerNorm(C,", "block.norm1 = nn.LayerNorm((S, C),")),
        ("norm over the tokens", "channels of one token",
         ("block.norm2 = nn.LayerNorm(C,", "block.norm2 = nn.LayerNorm(S,")),
        ("no bias in the embedding", "the patch embedding has no bias",
         ("patch_size ** 2, C)", "patch_size ** 2, C, bias=False)")),
        ("no bias in an MLP", "fc2 of token mixing in block 0 has no bias",
         ("nn.Linear(D_S, S)", "nn.Linear(D_S, S, bias=False)")),
        ("norms without shift", "LayerNorm before token mixing in block 0 has no bias",
         ("eps=1e-6", "eps=1e-6, bias=False")),
        ("torch's eps", "block 0 has eps = 1e-05", ("C, eps=1e-6", "C")),
        ("sizes as numbers", r"fc1 of token mixing in block 0 should be .*\[D_S, S\] = \[8, 9\]",
         ("(image_size // patch_size) ** 2", "25")),
        # the end of the forward pass
        ("list", "forward gives list, expected a tensor", ("return self.head(x)", "return [self.head(x)]")),
        ("no mean", ": these are scores for every token", ("x = x.mean(dim=1)", "pass")),
        ("head not used", ": the head is missing", ("return self.head(x)", "return x")),
        ("mean over images", "over the images", ("mean(dim=1)", "mean(dim=0)")),
        ("mean over channels", "RuntimeError.*in the line `return self.head.*C = 11.*should be over the tokens",
         ("mean(dim=1)", "mean(dim=2)")),
        ("sum", ": this is a sum", ("mean(dim=1)", "sum(dim=1)")),
        ("max", "the largest value", ("mean(dim=1)", "amax(dim=1)")),
        ("first token", "only the first token", ("x.mean(dim=1)", "x[:, 0]")),
        ("last token", "only the last token", ("x.mean(dim=1)", "x[:, -1]")),
        ("softmax", "applies the softmax", ("return self.head(x)", "return self.head(x).softmax(-1)")),
        ("log-softmax", "the log-softmax", ("return self.head(x)", "return self.head(x).log_softmax(-1)")),
        ("class", r"the logits have shape \[8\]", ("return self.head(x)", "return self.head(x).argmax(-1)")),
        ("median", "mean and head: the logits differ even if", ("x.mean(dim=1)", "x.median(dim=1).values * 2")),
        ("last norm not used", "last LayerNorm is made, but not used", ("x = self.norm(x)", "pass")),
        ("norm after mean", "the order is reversed",
         ("x = self.norm(x)\n        x = x.mean(dim=1)", "x = self.norm(x.mean(dim=1))")),
        # its beginning
        ("channels last", ": inside a patch", ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 3, 5, 1)")),
        ("patch transposed", "each patch is transposed", ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 1, 5, 3)")),
        ("reshape alone", "a reshape alone", (".permute(0, 2, 4, 1, 3, 5)", "")),
        ("channels last, strips", "image is cut into strips",
         ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 3, 4, 5, 1)")),
        ("colors first", "one color of several patches",
         ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 1, 2, 4, 3, 5)")),
        ("T for mT", "reverses all axes", ("block.norm1(x).mT", "block.norm1(x).T")),
        ("parts without self", r"the head: missing.*`self\.name`", ("self.head = nn", "head = nn")),
        ("down the columns", ": the patches are counted down",
         ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 4, 2, 1, 3, 5)")),
        ("mirrored", "last LayerNorm: the logits differ even if every fc2",
         ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 1, 3, 5).flip(-1)")),
        ("patches backwards", "token mixing: the logits differ when it acts alone",
         ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 1, 3, 5).flip(1)")),
        ("divided by 255", "last LayerNorm: the logits differ even if every fc2",
         ("x = images.reshape", "x = images / 255; x = x.reshape")),
        ("float", r"no \.float\(\)", ("x = images.", "x = images.float().")),
        # the block
        ("no skips", "both skip connections are missing", ("x = x + y.mT", "x = y.mT"), ("x = x + y\n", "x = y\n")),
        ("no first skip", "around token mixing is missing", ("x = x + y.mT", "x = y.mT")),
        ("no second skip", "around channel mixing is missing", ("x = x + y\n", "x = y\n")),
        ("one skip", "one skip connection around the whole block", ("y = block.norm1(x)", "z = x; y = block.norm1(x)"),
         ("x = x + y.mT", "x = y.mT"), ("x = x + y\n", "x = z + y\n")),
        ("second skip takes x", "second skip connection starts at x",
         ("y = block.norm1(x)", "z = x; y = block.norm1(x)"), ("x = x + y\n", "x = z + y\n")),
        ("side by side", "both MLPs see the block's input", ("y = block.norm1(x)", "z = x; y = block.norm1(x)"),
         ("norm2(x)", "norm2(z)")),
        ("channels first", "channel mixing comes first",
         ("y = block.norm1(x).mT",
          "y = block.norm2(x)\n            x = x + block.fc4(self.gelu(block.fc3(y)))\n            y = "
          "block.norm1(x).mT"),
         ("y = block.norm2(x)\n            y = block.fc4(self.gelu(block.fc3(y)))\n            x = x + y\n        "
          "x =",
          "pass\n        x =")),
        ("both skips after the norm", "carry the normalized table",
         ("y = block.norm1(x).mT", "x = block.norm1(x); y = x.mT"), ("y = block.norm2(x)", "x = y = block.norm2(x)")),
        ("first skip after the norm", "around token mixing carries",
         ("y = block.norm1(x).mT", "x = block.norm1(x); y = x.mT")),
        ("second skip after the norm", "around channel mixing carries",
         ("y = block.norm2(x)", "x = y = block.norm2(x)")),
        ("post-norm", "after the addition", ("block.norm1(x).mT", "x.mT"), ("x + y.mT", "block.norm1(x + y.mT)"),
         ("block.norm2(x)", "x"), ("x = x + y\n", "x = block.norm2(x + y)\n")),
        ("norm after the MLP", "after its MLP", ("block.norm1(x).mT", "x.mT"), ("x + y.mT", "x + block.norm1(y.mT)"),
         ("block.norm2(x)", "x"), ("x = x + y\n", "x = x + block.norm2(y)\n")),
        ("block norms not used", "LayerNorms of the blocks are made, but", ("block.norm1(x)", "x"),
         ("block.norm2(x)", "x")),
        ("token norm not used", ": the LayerNorm before token mixing is made", ("block.norm1(x)", "x")),
        ("channel norm not used", ": the LayerNorm before channel mixing is made", ("block.norm2(x)", "x")),
        ("norms swapped", "are swapped", ("block.norm1(x)", "block.norm0(x)"), ("block.norm2(x)", "block.norm1(x)"),
         ("block.norm0(x)", "block.norm2(x)")),
        ("one norm twice", "each MLP has its own", ("block.norm2(x)", "block.norm1(x)")),
        ("no transpose", "in the line `y = block.fc2.* C = 11, .*a transpose missing", ("(x).mT", "(x)"),
         ("y.mT", "y")),
        ("no transpose back", "transpose missing", ("y.mT", "y")),
        ("reshape for transpose", "token mixing has a reshape in place",
         ("block.norm1(x).mT", "block.norm1(x).reshape(B, x.shape[2], -1)"), ("y.mT", "y.reshape(x.shape)")),
        ("reshape back", "turns the table back with a reshape", ("y.mT", "y.reshape(x.shape)")),
        ("reshape there", "turns the table with a reshape",
         ("block.norm1(x).mT", "block.norm1(x).reshape(B, x.shape[2], -1)")),
        ("no GELU", "C.1: the GELU .* missing", ("self.gelu = nn.GELU()", "self.gelu = nn.Identity()")),
        ("no GELU on the channels", "channel mixing: the GELU .* missing",
         ("self.gelu(block.fc3(y))", "block.fc3(y)")),
        ("ReLU", "C.1: there is a ReLU", ("nn.GELU()", "nn.ReLU()")),
        ("ReLU on the channels", "channel mixing: there is a ReLU",
         ("self.gelu(block.fc3(y))", "block.fc3(y).relu()")),
        ("SiLU", "there is a SiLU", ("nn.GELU()", "nn.SiLU()")),
        ("tanh GELU", "tanh approximation", ("nn.GELU()", 'nn.GELU(approximate="tanh")')),
        ("two GELUs", "second GELU",
         ("block.fc2(self.gelu(block.fc1(y)))", "self.gelu(block.fc2(self.gelu(block.fc1(y))))"),
         ("block.fc4(self.gelu(block.fc3(y)))", "self.gelu(block.fc4(self.gelu(block.fc3(y))))")),
        ("GELU last", "comes after fc2", ("block.fc2(self.gelu(block.fc1(y)))", "self.gelu(block.fc2(block.fc1(y)))"),
         ("block.fc4(self.gelu(block.fc3(y)))", "self.gelu(block.fc4(block.fc3(y)))")),
        ("ReLU, and no channel norm", "token mixing: there is a ReLU", ("nn.GELU()", "nn.ReLU()"),
         ("block.norm2(x)", "x")),
        # the stack
        ("first block only", "only the first block", ("in self.blocks", "in self.blocks[:1]")),
        ("last block only", "only the last block", ("in self.blocks", "in self.blocks[-1:]")),
        ("first block repeated", "again and again",
         ("for block in self.blocks:", "for _ in self.blocks:\n            block = self.blocks[0]")),
        ("backwards", "from last to first", ("in self.blocks", "in reversed(self.blocks)")),
        # what the numbers do not show
        ("detached", "gradient of the patch embedding", ("x = self.embed(x)", "x = self.embed(x).detach()")),
        ("skip detached", "gradient of the", ("x = x + y.mT", "x = x.detach() + y.mT")),
        ("no_grad", "nothing can be learned", ("def forward(self", "@torch.no_grad()\n    def forward(self")),
        ("a size in forward", "other sizes: .*stopped with RuntimeError",
         ("reshape(B, -1, C_in * P * P)", "reshape(B, 25, 12)")),
        ("another size in forward", "Is a size written", ("x = x.mean(dim=1)", "x = x.sum(dim=1) / 25")),
        ("one image", r"other sizes: .* of shape \[11\] for a single image",
         ("x = self.norm(x)\n        x = x.mean(dim=1)", "x = self.norm(x)\n        x = x.mean(dim=1).squeeze()")),
    ]},
}
