"""The exercises' checkers, one file a chapter: `chNN_name.py` holds EXERCISES, a tuple of `checking.Exercise`.

A file is imported when one of its exercises is first asked for, so that a broken one breaks its own chapter only.
Therefore the names stand here too (tests/test_exercises.py compares them).
"""

# Checks file -> the names of its exercises. A name may come again in another chapter: see `exercises.find`.
CHAPTERS: dict[str, tuple[str, ...]] = {
    "ch00_start_here": ("largest_change", "own_score", "picture_gradient"),
    "ch01_weights": ("filter_pictures", "roughness", "share_above", "dead_filters"),
    "ch02_patches": ("strongest_places", "update", "field", "cut", "purity"),
    "ch03_gradients": ("strongest", "map_back", "relu_rules", "with_guided"),
    "ch04_saliency_occlusion": (
        "score_gradient", "saliency", "occlusion_map", "path_points", "integrated_gradients", "delete_top",
        "outside_penalty", "right_reasons",
    ),
    "ch05_optimization": ("climb", "price", "soften", "octave_sizes"),
    "ch06_inversion": ("feature_distance", "variation", "probe_scores", "carried"),
    "ch07_adversarial_rubbish": ("distortion", "c_to_try", "nearest_plane", "wave_norm"),
    "ch08_evolved_rubbish": ("small_mutation", "rate_now", "next_elites", "node_answers"),
    "ch09_fgsm": ("linear_step", "fgsm", "honest_success", "noise_of_size", "targeted_fgsm"),
    "ch10_iterative": ("small_step", "how_many", "to_ball", "boundary_step"),
    "ch11_carlini_wagner": ("behind", "to_w", "next_c", "fewer_pixels"),
    "ch12_physical_world": ("lens_grid", "round_through", "destruction_rate", "eot_step"),
    "ch13_transfer_black_box": ("transfer_rates", "amplified", "jacobian_step", "slope_from_scores", "decibels"),
    "ch14_universal": ("fooling_share", "into_budget", "one_turn", "shared_part"),
    "ch15_one_pixel": ("paint", "first_candidates", "one_generation", "reached"),
    "ch16_stickers_patches": ("put_stickers", "printing_error", "rp2_cost", "patch_matrix"),
    "ch17_lots": ("origin_target", "moved_by", "smallest_scale_for", "window_ssim", "nearest_person"),
    "ch18_adversarial_training": ("mixed_loss", "watched_climb", "still_right", "hardest_first", "worst_view", "scene_step"),
    "ch19_distillation": ("softened", "soft_loss", "distilled", "vanished", "margin_fgsm"),
    "ch20_obfuscated_gradients": ("to_thermometer", "bpda_gradient", "draws_gradient", "likeliest", "found_by_chance"),
    "ch21_detection": ("covered_lead", "area_by_pairs", "alarm_level", "local_dimension", "free_energy"),
    "ch22_activations": ("carried_by_few", "bounded_leaky", "who_is_fooled", "memory_scores", "speakers", "walk"),
    "ch23_arena": ("worst_case", "score_interval", "allotted", "gradient_lie", "shared_places"),
}  # fmt: skip
