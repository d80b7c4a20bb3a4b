"""Mutants of chapter 01 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {
    "filter_pictures/by_loop: float dropped: …": "a tensor of one number divides as well",
    "roughness/solution: keyword dropped: … + w.diff().abs().sum((1, 2, 3))": "without dim, diff goes along the last axis, which is meant",
    "roughness/rough_by_loop: keyword dropped: … + f.diff().abs().sum()) / …": "without dim, diff goes along the last axis, which is meant",
    "roughness/rough_by_numpy: keyword dropped: … np.abs(np.diff(a)).sum((1, 2, 3))) / …": "without axis, diff goes along the last axis, which is meant",
    "roughness/rough_by_numpy: detach dropped: …": "nothing asks for gradients",
    "roughness/rough_by_numpy: to dropped: …": "NumPy keeps the precision, and the tests run on the CPU",
    "roughness/rough_by_convolution: view for reshape: …": "the first two axes are merged, whose order in memory is the usual one",
    "roughness/rough_by_convolution: axis dropped: … -> …, …)).reshape(len(w), -1).sum(1) for …": "what is not summed here is summed by .reshape(len(w), -1).sum(1)",
    "roughness/rough_by_convolution: sum dropped: … -> ….abs().reshape(…": "all is summed by .reshape(len(w), -1).sum(1)",
    "dead_filters/…: no_grad dropped: …": "a comparison has no graph, so that the result has none",
    "dead_filters/dead_by_relu: mean for sum: …": "of numbers of at least 0 the mean is 0 where the sum is",
    "dead_filters/dead_by_relu: loop, one step too many: …": "the last round takes an empty slice and adds nothing",
    "dead_filters/dead_by_relu: loop, begins one early: …": "the first round takes an empty slice and adds nothing",
    "share_above/solution: mean for sum: … -> energy = …": "a factor above the line and below it",
    "share_above/share_by_padding: to dropped: …": "a mask multiplies as 0 and 1",
    "share_above/share_by_matrices: keyword dropped: …": "whole numbers are exact in either kind, and the division makes floats",
    "share_above/share_by_matrices: sign flipped: … torch.exp(2j * …": "the conjugate transform has the same energy",
    "share_above/share_by_matrices: double dropped: …": "the product is of complex numbers in double precision all the same, and the norm is exact enough",
    "share_above/share_by_loop: axis dropped: … -> ….sum((0,))": "both parts of a complex number are picked by the mask and summed behind it",
    "share_above/share_by_loop: mean for sum: … -> power = …": "a factor above the line and below it",
}
