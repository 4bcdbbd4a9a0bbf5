"""Questions of lesson 8."""

from .question import Question

SHARES = {"about half": (0, 0.6), "about three quarters": (0.6, 0.9), "practically all": (0.9, 1)}

QUESTIONS = {
    "images trained on": Question(
        choices=SHARES, close=0.02,
        why="""
It names {answer:.1%} of them right: it knows practically every one of its images. Does that carry over to others?"""),
    "images held out": Question(
        choices=SHARES, close=0.02,
        why="""
It names {answer:.1%} of them right. The network knows practically all of its images and understands little. That is
**overfitting**: it has fitted what is peculiar to the photographs that it was trained on, and that does not carry
over to others. It has 143 thousand weights; for the 4,500 images of the sample that is more than 30 for each, room
enough to note down the class of every one.

The accuracy on the training images alone would have told you that all is well."""),
    "accuracy meanwhile": Question(
        choices={"it falls by 10 points or more": (-1, -0.08), "it moves by a few points at most": (-0.08, 0.08),
                 "it rises by 10 points or more": (0.08, 1)}, close=0.02,
        why="""
It was {lowest:.1%} when the loss was lowest (epoch {epoch}), {top:.1%} at its best (epoch {best}), and {last:.1%}
at the end. Loss and accuracy do not measure the same. The network gets little worse at choosing, but far more
sure."""),
    "worth most": Question(
        choices=("weight decay 0.1", "label smoothing 0.1", "flips", "crops", "CutMix 0.5", "Muon"), close=0.01,
        alt="A row for each recipe, with a dot for each of three runs and a bar at their mean. Plain, constant "
            "learning rate, weight decay, label smoothing, drop path and Muon lie together at 43 to 45 percent; "
            "MixUp and CutMix at 49, flips at 51, crops and RandAugment at 53. Crops, flips, smoothing and decay "
            "together are at 54, with RandAugment as well at 51, with CutMix at 49. Farthest to the right, at 57,"
            " is plain with eight times the images.",
        why="""
**What changes the images is worth most.** RandAugment and crops, too close to call, gain some nine points, flips
six, CutMix and MixUp five. **What works on the network is worth little here**: label smoothing, weight decay and
drop path move it by less than a point. (The paper's long runs on large networks use the last two. Of those this
table says nothing.)"""),
    "confused most": Question(
        choices=("automobile and truck", "cat and dog", "deer and horse", "airplane and ship"), close=9,
        why="""
On the test images cat and dog were confused {answer[cat and dog]} times, automobile and truck
{answer[automobile and truck]} times, deer and horse {answer[deer and horse]} times, and airplane and ship
{answer[airplane and ship]} times. With so few images, a difference of less than about nine may well be luck."""),
    "known worst": Question(
        choices=("airplane", "bird", "cat", "frog", "truck"), close=0.03,
        why="""
It misreads {answer[cat]:.0%} of the cats, {answer[dog]:.0%} of the dogs, {answer[airplane]:.0%} of the airplanes,
{answer[bird]:.0%} of the birds, {answer[frog]:.0%} of the frogs, and {answer[truck]:.0%} of the trucks. Cats and
dogs come in any pose, and are taken for each other."""),
}
