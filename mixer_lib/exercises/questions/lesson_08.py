"""Questions of lesson 8."""

from .question import Question

SHARES = {"about half": (0, 0.6), "about three quarters": (0.6, 0.9), "practically all": (0.9, 1)}

QUESTIONS = {
    "images trained on": Question(
        choices=SHARES, close=0.02,
        why="""
It classifies {answer:.1%} of them correctly, so it knows practically every one of its images. Does this carry over to
other images?"""),
    "images held out": Question(
        choices=SHARES, close=0.02,
        why="""
It classifies {answer:.1%} of them correctly. The network knows practically all of its training images and has learned
little that holds for others. This is called **overfitting**: it has fitted what is peculiar to the photographs that it
was trained on. It has 143 thousand weights. For the 4,500 training images of the sample, these are more than 30 weights
per image, enough to store the class of each one.

The accuracy on the training images alone would have told you that all is well."""),
    "accuracy meanwhile": Question(
        choices={"it falls by 10 points or more": (-1, -0.08), "it moves by a few points at most": (-0.08, 0.08),
                 "it rises by 10 points or more": (0.08, 1)}, close=0.02,
        why="""
It was {lowest:.1%} when the loss was lowest (epoch {epoch}), {top:.1%} at its best (epoch {best}), and {last:.1%}
at the end. Loss and accuracy measure different things. The network hardly gets worse at choosing, but it becomes far
too sure of its choices."""),
    "worth most": Question(
        choices=("weight decay 0.1", "label smoothing 0.1", "flips", "crops", "CutMix 0.5", "Muon"), close=0.01,
        alt="A row for each recipe, with a dot for each of three runs and a bar at their mean. Hollow dots show the "
            "accuracy on the images trained on: about 97 percent for plain, 100 for Muon, 60 for crops. On images not "
            "seen, plain, constant learning rate, weight decay, label smoothing, drop path and Muon lie together at 43 "
            "to 45 percent; MixUp and CutMix at 49, flips at 51, crops and RandAugment at 53. Crops, flips, smoothing "
            "and decay together are at 54, with RandAugment as well at 51, with CutMix at 49. Farthest to the right, "
            "at 57, is plain with eight times the images.",
        why="""
**Changes to the images are worth most.** RandAugment and crops, too close to call, gain about nine points, flips
six, CutMix and MixUp five. **Changes to the network are worth little here**: label smoothing, weight decay and
drop path gain or lose less than a point. (The paper's long runs on large networks use the last two. This table says
nothing about such runs.)"""),
    "confused most": Question(
        choices=("automobile and truck", "cat and dog", "deer and horse", "airplane and ship"), close=9,
        why="""
On the test images cat and dog were confused {answer[cat and dog]} times, automobile and truck
{answer[automobile and truck]} times, deer and horse {answer[deer and horse]} times, and airplane and ship
{answer[airplane and ship]} times. With so few images, a difference of less than about nine may be luck."""),
    "known worst": Question(
        choices=("airplane", "bird", "cat", "frog", "truck"), close=0.03,
        why="""
It misreads {answer[cat]:.0%} of the cats, {answer[dog]:.0%} of the dogs, {answer[airplane]:.0%} of the airplanes,
{answer[bird]:.0%} of the birds, {answer[frog]:.0%} of the frogs, and {answer[truck]:.0%} of the trucks. Cats and
dogs come in any pose and are taken for each other."""),
}
