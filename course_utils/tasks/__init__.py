"""The open tasks, one file a chapter: `chNN_name.py` holds TASKS, a tuple of `checking.OpenTask`.

As with the exercises (`course_utils.checks`), a file is imported when one of its tasks is first asked for.
"""

# Tasks file -> the names of its open tasks.
CHAPTERS: dict[str, tuple[str, ...]] = {
    "ch00_start_here": ("few_pixels",),
    "ch01_weights": ("least_needed",),
    "ch02_patches": ("better_direction",),
    "ch03_gradients": ("honest_map",),
    "ch04_saliency_occlusion": ("better_map",),
    "ch05_optimization": ("surer_images",),
    "ch06_inversion": ("bring_back",),
    "ch07_adversarial_rubbish": ("shortest",),
    "ch08_evolved_rubbish": ("few_questions",),
    "ch09_fgsm": ("beat_fgsm",),
    "ch10_iterative": ("ten_gradients",),
    "ch11_carlini_wagner": ("forty_gradients",),
    "ch12_physical_world": ("fool_the_drive",),
    "ch13_transfer_black_box": ("fool_the_oracle",),
    "ch14_universal": ("few_for_all",),
    "ch15_one_pixel": ("few_queries",),
    "ch16_stickers_patches": ("two_stickers",),
    "ch17_lots": ("most_alike",),
    "ch18_adversarial_training": ("harden",),
    "ch19_distillation": ("five_gradients",),
    "ch20_obfuscated_gradients": ("break_it",),
    "ch21_detection": ("which_stickers",),
    "ch22_activations": ("past_bounds",),
    "ch23_arena": ("shield",),
}
