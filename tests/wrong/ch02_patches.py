"""Wrong answers to the exercises of chapter 02: (kind, function, words that the message must hold)."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch02_patches import cut, field, purity, strongest_places, update

# ---------------------------------------------------------------- the strongest place


def rows_for_columns(maps):
    values, place = maps.flatten(2).max(2)
    return values, place % maps.shape[3], place // maps.shape[3]


def divided_by_the_height(maps):
    values, place = maps.flatten(2).max(2)
    return values, place // maps.shape[2], place % maps.shape[2]


def flat_places(maps):
    values, place = maps.flatten(2).max(2)
    return values, place, place


def from_one(maps):
    values, row, column = strongest_places(maps)
    return values, row + 1, column + 1


def mean_of_the_map(maps):
    return maps.mean((2, 3)), *strongest_places(maps)[1:]


def of_the_size(maps):
    return strongest_places(maps.abs())


def only_positive(maps):
    values, row, column = strongest_places(maps)
    return values.clamp(min=0), row, column


def weakest(maps):
    values, place = maps.flatten(2).min(2)
    return values, place // maps.shape[3], place % maps.shape[3]


def units_first(maps):
    return tuple(part.T for part in strongest_places(maps))


def over_the_batch(maps):
    values, place = maps.flatten(2).max(2)
    best = values.argmax(0)
    return tuple(part.gather(0, best[None])[0] for part in (values, place // maps.shape[3], place % maps.shape[3]))


def first_picture_for_all(maps):
    return strongest_places(maps[:1].expand(maps.shape))


def two_results(maps):
    return maps.flatten(2).max(2)


def only_values(maps):
    return maps.amax((2, 3))


def rows_in_floats(maps):
    values, place = maps.flatten(2).max(2)
    return values, place / maps.shape[3], place % maps.shape[3]


def squeezed(maps):
    return tuple(part.squeeze() for part in strongest_places(maps))


def set_to_zero(maps):
    out = strongest_places(maps)
    maps.clamp_(min=0)
    return out


def kept_in_a_list(maps):
    return list(strongest_places(maps))


def rounded(maps):
    values, row, column = strongest_places(maps)
    return values.float(), row, column


# ---------------------------------------------------------------- the running list


def counted_from_zero(values, pictures, new, start):
    return update(values, pictures, new, 0)


def one_too_many(values, pictures, new, start):
    return update(values, pictures, new, start + 1)


def smallest(values, pictures, new, start):
    numbers = torch.arange(start, start + len(new)).expand(len(values), -1)
    best = torch.cat([values, new.T], 1).sort(dim=1, stable=True)
    order = best.indices[:, : values.shape[1]]
    return best.values[:, : values.shape[1]], torch.cat([pictures, numbers], 1).gather(1, order)


def the_old_forgotten(values, pictures, new, start):
    return update(torch.full_like(values, -torch.inf), torch.full_like(pictures, -1), new, start)


def nothing_new(values, pictures, new, start):
    return values, pictures


def numbers_not_gathered(values, pictures, new, start):
    numbers = torch.arange(start, start + len(new)).expand(len(values), -1)
    k = values.shape[1]
    return torch.cat([values, new.T], 1).sort(dim=1, descending=True).values[:, :k], torch.cat([pictures, numbers], 1)[:, :k]


def places_for_numbers(values, pictures, new, start):
    best = torch.cat([values, new.T], 1).sort(dim=1, descending=True, stable=True)
    return best.values[:, : values.shape[1]], best.indices[:, : values.shape[1]]


def reshaped(values, pictures, new, start):
    return update(values, pictures, new.reshape(new.shape[1], -1).T, start)


def later_wins(values, pictures, new, start):
    numbers = torch.arange(start, start + len(new)).expand(len(values), -1)
    best = torch.cat([new.T, values], 1).sort(dim=1, descending=True, stable=True)
    order = best.indices[:, : values.shape[1]]
    return best.values[:, : values.shape[1]], torch.cat([numbers, pictures], 1).gather(1, order)


def grows(values, pictures, new, start):
    numbers = torch.arange(start, start + len(new)).expand(len(values), -1)
    best = torch.cat([values, new.T], 1).sort(dim=1, descending=True, stable=True)
    return best.values, torch.cat([pictures, numbers], 1).gather(1, best.indices)


def upwards(values, pictures, new, start):
    return tuple(part.flip(1) for part in update(values, pictures, new, start))


def nine_always(values, pictures, new, start):
    best = torch.cat([values, new.T], 1).topk(3, 1)
    numbers = torch.arange(start, start + len(new)).expand(len(values), -1)
    return best.values, torch.cat([pictures, numbers], 1).gather(1, best.indices)


def axes_forgotten(values, pictures, new, start):
    best = torch.cat([values, new], 1).sort(dim=1, descending=True, stable=True)
    return best.values[:, : values.shape[1]], pictures


def written_into(values, pictures, new, start):
    v, p = update(values, pictures, new, start)
    values.copy_(v), pictures.copy_(p)
    return values, pictures


def absolute(values, pictures, new, start):
    return update(values, pictures, new.abs(), start)


seen = []


def remembers(values, pictures, new, start):
    seen.append(new)
    return update(values, pictures, new + 0.1 * (len(seen) - 1), start)


def numbers_as_floats(values, pictures, new, start):
    v, p = update(values, pictures, new, start)
    return v, p.float()


# ---------------------------------------------------------------- the receptive field


def walked(step, first=1):
    def answer(layers):
        now = (first, 1, 0)
        for layer in layers:
            now = step(*now, *layer)
        return now

    return answer


whole_kernels = walked(lambda r, j, a, k, s, p: (r + k * j, j * s, a - p * j))
own_stride_first = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j * s, j * s, a - p * j))
cells_for_pixels = walked(lambda r, j, a, k, s, p: (r + k - 1, j * s, a - p * j))
padding_in_pixels = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a - p))
padding_added = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a + p * j))
padding_unused = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, 0))
last_stride = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, s, a - p * j))
strides_added = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, j + s - 1, a - p * j))
padding_eats = walked(lambda r, j, a, k, s, p: (r + (k - 1 - 2 * p) * j, j * s, a - p * j))
from_nothing = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a - p * j), first=0)
middle_of_the_field = walked(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a + ((k - 1) / 2 - p) * j))


def from_the_top(layers):
    return field(layers[::-1])


def size_alone(layers):
    return field(layers)[0]


def as_a_tensor(layers):
    return torch.tensor(field(layers))


def prints_only(layers):
    print(field(layers))


def misses_the_first(layers):
    return field(layers[1:])


def takes_two(layers):
    size, step = 1, 1
    for kernel, stride in layers:
        size, step = size + (kernel - 1) * step, step * stride
    return size, step, 0


# ---------------------------------------------------------------- the patch


def black_outside(x, top, left, size, fill):
    return cut(x, top, left, size, 0.0)


def grey_outside(x, top, left, size, fill):
    return cut(x, top, left, size, 0.5)


def swapped(x, top, left, size, fill):
    return cut(x, left, top, size, fill)


def on_its_side(x, top, left, size, fill):
    return cut(x, top, left, size, fill).transpose(1, 2)


def border_repeated(x, top, left, size, fill):
    wide = F.pad(x[None], (size,) * 4, mode="replicate")[0]
    return wide[:, size + top : 2 * size + top, size + left : 2 * size + left]


def around_the_world(x, top, left, size, fill):
    return x.roll((-top, -left), (1, 2)).repeat(1, 2, 2)[:, :size, :size]


def kept_inside(x, top, left, size, fill):
    top, left = max(0, min(top, x.shape[1] - size)), max(0, min(left, x.shape[2] - size))
    return cut(x, top, left, size, fill)


def plain_slice(x, top, left, size, fill):
    return x[:, max(top, 0) : top + size, max(left, 0) : left + size]


def negative_slice(x, top, left, size, fill):
    return x[:, top : top + size, left : left + size]


def around_the_middle(x, top, left, size, fill):
    return cut(x, top - size // 2, left - size // 2, size, fill)


def one_late(x, top, left, size, fill):
    return cut(x, top + 1, left + 1, size, fill)


def one_early(x, top, left, size, fill):
    return cut(x, top - 1, left - 1, size, fill)


def first_colour(x, top, left, size, fill):
    return cut(x, top, left, size, fill)[:1].repeat(len(x), 1, 1)


def too_large(x, top, left, size, fill):
    return cut(x, top, left, size + 1, fill)


def with_a_batch(x, top, left, size, fill):
    return cut(x, top, left, size, fill)[None]


def border_painted(x, top, left, size, fill):
    out = cut(x, top, left, size, fill)
    x[:, 0] = fill
    return out


def in_single_precision(x, top, left, size, fill):
    return cut(x, top, left, size, fill).float()


def never_ends(x, top, left, size, fill):
    while True:
        size += 1


# ---------------------------------------------------------------- purity


def with_share(most, share=None):
    def answer(labels):
        label = most(labels)
        return label, (labels == label[:, None]).float().mean(1) if share is None else share(labels, label)

    return answer


of_the_strongest = with_share(lambda x: x[:, 0])
of_the_median = with_share(lambda x: x.median(1).values)
of_the_largest = with_share(lambda x: x.amax(1))
of_all_rows = with_share(lambda x: x.flatten().mode().values.expand(len(x)))
counted = with_share(lambda x: x.mode(1).values, lambda x, m: (x == m[:, None]).sum(1))
of_kinds = with_share(lambda x: x.mode(1).values, lambda x, m: torch.tensor([1 / len(set(row.tolist())) for row in x]))
of_the_others = with_share(lambda x: x.mode(1).values, lambda x, m: (x != m[:, None]).float().mean(1))
in_percent = with_share(lambda x: x.mode(1).values, lambda x, m: 100 * (x == m[:, None]).float().mean(1))
averaged = with_share(lambda x: x.mode(1).values, lambda x, m: (x == m[:, None]).float().mean())


def largest_of_equals(labels):
    most = labels.amax() - (labels.amax() - labels).mode(1).values
    return most, (labels == most[:, None]).float().mean(1)


def share_first(labels):
    return purity(labels)[::-1]


def column_by_column(labels):
    return purity(labels.T)


def share_only(labels):
    return purity(labels)[1]


def sorted_in_place(labels):
    out = purity(labels)
    labels.copy_(labels.sort(dim=1).values)
    return out


def mode_left_as_it_is(labels):
    most = labels.mode(1)
    return most, (labels == most).float().mean(1)


def reseeds(labels):
    torch.manual_seed(0)
    return purity(labels)


WRONG = {
    "strongest_places": (
        ("wrong axis", rows_for_columns, "rows and columns are swapped"),
        ("wrong axis", divided_by_the_height, "divided by the height"),
        ("another quantity", flat_places, "the place in the flattened map"),
        ("off by one", from_one, "they begin at 0"),
        ("another quantity", mean_of_the_map, "means of the maps"),
        ("no absolute value", of_the_size, "the sign is lost"),
        ("no clip", only_positive, "values below 0 are set to 0"),
        ("wrong sign", weakest, "the smallest value"),
        ("wrong axis", units_first, "pictures first"),
        ("wrong shape", over_the_batch, "shape [3]"),
        ("batch of one only", first_picture_for_all, "off by up to"),
        ("wrong shape", two_results, "3 things"),
        ("no result", only_values, "3 things"),
        ("precision", rows_in_floats, "torch.int64 is expected"),
        ("wrong shape", squeezed, "one picture alone"),
        ("in place", set_to_zero, "changed in place"),
        ("no result", kept_in_a_list, "return a, b"),
        ("precision", rounded, "in double precision"),
    ),
    "update": (
        ("argument ignored", counted_from_zero, "counted from 0"),
        ("off by one", one_too_many, "one too high"),
        ("wrong sign", smallest, "the smallest values"),
        ("argument ignored", the_old_forgotten, "the old best are forgotten"),
        ("argument ignored", nothing_new, "the new values are not used"),
        ("another quantity", numbers_not_gathered, "result 2 of 2 is off"),
        ("another quantity", places_for_numbers, "places in the joined row"),
        ("wrong axis", reshaped, "result 1 of 2 is off"),
        ("off by one", later_wins, "the earlier picture must come first"),
        ("wrong shape", grows, "shape [4, 8]"),
        ("wrong axis", upwards, "sorted upwards"),
        ("hard-coded constant", nine_always, "shape [3, 3]"),
        ("raises", axes_forgotten, "Sizes of tensors must match"),
        ("in place", written_into, "changed in place"),
        ("no absolute value", absolute, "the sign of the new values"),
        ("stale", remembers, "left over"),
        ("precision", numbers_as_floats, "torch.int64 is expected"),
    ),
    "field": (
        ("off by one", whole_kernels, "(kernel - 1)"),
        ("another quantity", own_stride_first, "multiply the step last"),
        ("another quantity", cells_for_pixels, "not one pixel"),
        ("another quantity", padding_in_pixels, "padding is in cells"),
        ("wrong sign", padding_added, "start gets smaller"),
        ("argument ignored", padding_unused, "the padding is not used"),
        ("argument ignored", last_stride, "the strides multiply"),
        ("another quantity", strides_added, "the strides are added up"),
        ("another quantity", padding_eats, "padding does not make the field smaller"),
        ("off by one", from_nothing, "begin with size 1"),
        ("another quantity", middle_of_the_field, "the middle of the first unit's field"),
        ("wrong axis", from_the_top, "from the last to the first"),
        ("wrong shape", size_alone, "3 things"),
        ("no result", as_a_tensor, "3 things"),
        ("no result", prints_only, "returns nothing"),
        ("off by one", misses_the_first, "is off by"),
        ("raises", takes_two, "too many values"),
    ),
    "cut": (
        ("argument ignored", black_outside, "is black"),
        ("hard-coded constant", grey_outside, "always grey"),
        ("wrong axis", swapped, "rows and columns are swapped"),
        ("wrong axis", on_its_side, "lies on its side"),
        ("another quantity", border_repeated, "the pixels at the border are repeated"),
        ("another quantity", around_the_world, "counts from the other side"),
        ("no clip", kept_inside, "pushed into the picture"),
        ("wrong shape", plain_slice, "outside the picture is missing"),
        ("no clip", negative_slice, "shape"),
        ("off by one", around_the_middle, "not its middle"),
        ("off by one", one_late, "one pixel too late"),
        ("off by one", one_early, "one pixel too early"),
        ("batch of one only", first_colour, "all colours are the first one"),
        ("off by one", too_large, "shape [3, 5, 5]"),
        ("wrong shape", with_a_batch, "shape [1, 3, 4, 4]"),
        ("in place", border_painted, "changed in place"),
        ("precision", in_single_precision, "in double precision"),
        ("endless", never_ends, "still running"),
    ),
    "purity": (
        ("another quantity", of_the_strongest, "the first label of the row"),
        ("another quantity", of_the_median, "the median of the labels"),
        ("another quantity", of_the_largest, "the largest label"),
        ("batch of one only", of_all_rows, "one label is taken for all rows"),
        ("another quantity", counted, "this counts the pictures"),
        ("another quantity", of_kinds, "one over the number of different labels"),
        ("wrong sign", of_the_others, "*other* labels"),
        ("hard-coded constant", in_percent, "percent"),
        ("wrong shape", averaged, "shape []"),
        ("off by one", largest_of_equals, "take the smallest"),
        ("wrong shape", share_first, "the label comes first"),
        ("wrong axis", column_by_column, "result 1 of 2 is off"),
        ("no result", share_only, "2 things"),
        ("in place", sorted_in_place, "changed in place"),
        ("raises", mode_left_as_it_is, "'bool' object"),
        ("state changed", reseeds, "seed"),
    ),
}
