"""Questions of lesson 13."""

from .question import Question

QUESTIONS = {
    "the best token mixing": Question(
        choices=("the Mixer's MLP", "one linear layer", "a convolution", "attention"), close=0.01,
        why="""
On average, the Mixer names {answer[the Mixer's MLP]:.1%} of the held-out images right, ResMLP with its one linear layer
{answer[one linear layer]:.1%}, ConvMixer {answer[a convolution]:.1%}, and attention {answer[attention]:.1%}. Below you
see all eight with their intervals."""),
    "after how many blocks": Question(
        field="one whole number", right=0, near=1,
        why="""
A neighborhood of 3 × 3 carries a token one step further per block, also diagonally. From a corner of an 8 × 8 grid to
the opposite one it takes seven steps, so seven blocks. Our network has {blocks}, so pooling alone does not bring
opposite corners together. (In PoolFormer, only the norm does, and only a little.)"""),
    "the convolution alone": Question(
        choices={"by more than 8 points": (8, 100), "by 3 to 8 points": (3, 8),
                 "hardly, or not at all": (-3, 3), "it becomes worse": (-100, -3)},
        close=1,
        why="""
The difference is {answer:+.1f} points, give or take {reach:.1f}. So the convolution alone is not why ConvMixer leads.
See what it does in the other block, and beside another part."""),
    "from 2,000 images to 45,000": Question(
        choices={"by more than 10 points": (10, 100), "by 3 to 10": (3, 10), "by less, or not at all": (-100, 3)},
        close=1,
        why="""
From {curve[2000]:.1f}% to {curve[45000]:.1f}%, a difference of {answer:+.1f} points. Each of the 2,000 images was seen
22 times, each of the 45,000 once, in as many steps. From 500 images to 2,000 the gain was {first:.1f} points."""),
    "patches shuffled after training": Question(
        choices=("Mixer", "ConvMixer", "attention", "identity"), close=0.5,
        why="""
The network without token mixing loses {lost[identity]:.1f} points: it cannot know where a patch was, since its tokens
meet only when they are averaged. The Mixer loses {lost[Mixer]:.1f} points, ConvMixer {lost[ConvMixer]:.1f}, and
attention {lost[attention]:.1f}. Attention itself would not notice either, but its
position embedding tells it the places."""),
    "the costliest part to lose": Question(
        choices=("token mixing", "channel mixing", "skips", "GELU"), close=3,
        why="""
Without token mixing the accuracy is lower by {answer[token mixing]:.1f} points, without channel mixing by
{answer[channel mixing]:.1f}, without the skips by {answer[skips]:.1f}, and without GELU by {answer[GELU]:.1f}. Each
change was trained from the start, at the learning rate that was best for it. With three seeds, about three points are
too close to call."""),
    "yours on the sample": Question(
        choices=("ResMLP", "pooling"), close=0.02,
        why="""
ResMLP reads {answer[ResMLP]:.1%} of the 1,000 test images, pooling {answer[pooling]:.1%}. One run each, so a difference
of less than two points says nothing."""),
}
