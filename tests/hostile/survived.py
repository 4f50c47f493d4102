"""What HeartVision must survive, each with the tests that try it: the one list of them all.

The first thirty are what uploads, models, people and machines may do; the other twenty are faults that a running
application was once seen to have. `python -m tests.hostile.survived` prints the list.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import Final

INTAKE: Final = "hostile/test_hostile_intake.py::test_a_hostile_upload_is_refused_in_one_sentence_or_read_honestly"
RUNNING: Final = "hostile/test_running.py::test_"

THIRTY: Final = MappingProxyType(
    {
        "missing samples, infinite values, gaps, sentinels and spikes": (
            INTAKE,
            "signal/test_signal.py::test_a_gap_splits_the_recording_and_beats_on_both_sides_stay",
            "signal/test_signal_quality.py::test_what_is_not_n_beside_a_gap_is_not_classified",
            "signal/test_signal_quality.py::test_a_sentinel_in_a_clean_ecg_makes_no_class_and_does_not_go_unmentioned",
            "test_analysis_rhythm.py::test_a_sentinel_for_a_second_is_said_and_makes_no_ectopic_beat",
            "signal/test_signal_artefacts.py::test_one_enormous_sample_costs_no_beat",
            "hostile/test_answers.py::test_values_beyond_any_voltage_are_no_silence_without_a_reason",
        ),
        "a window or picture that is blank, constant or no number": (
            INTAKE,
            "test_analysis.py::test_a_network_that_answers_nonsense_classifies_nothing",
        ),
        "a cache that returns another recording's result": (
            RUNNING + "two_million_samples_that_differ_in_five_are_two_recordings",
            "intake/test_intake_wfdb.py::test_equal_bytes_have_equal_digests_and_one_changed_sample_changes_it",
        ),
        "a sampling frequency that is missing, absurd or wrong by a factor": (
            INTAKE,
            "signal/test_signal.py::test_a_wrong_sampling_frequency_is_noticed",
            "signal/test_signal_quality.py::test_a_sampling_frequency_that_is_wrong_by_two_or_three_is_asked_about",
        ),
        "units and gain that mislead": (
            INTAKE,
            "intake/test_intake_wfdb.py::test_every_unit_of_the_table_gives_millivolts",
            "intake/test_intake_wfdb.py::test_without_gain_the_lead_is_not_calibrated_and_a_notice_says_so",
        ),
        "leads that are inverted, swapped or unknown": (
            "signal/test_signal.py::test_an_inverted_lead_keeps_its_beats_and_is_said_to_be_inverted",
            "signal/test_signal_quality.py::test_an_inverted_second_lead_is_noticed_where_it_should_point_up",
            "app/test_analyse_page.py::test_a_lead_that_no_network_was_trained_on_is_marked",
            "twelve_leads/test_criteria.py::test_swapped_arms_turn_lead_one_over",
        ),
        "a header and data that disagree": (
            INTAKE,
            "intake/test_intake_wfdb.py::test_refusals_carry_the_numbers_of_the_broken_comparison",
        ),
        "annotations out of range, foreign, or without end": (
            INTAKE,
            RUNNING + "annotations_are_bounded_by_the_recording",
        ),
        "symbols of beats that no table knows": (
            "test_labels.py::test_every_wfdb_symbol_is_a_beat_or_known_not_to_be_one",
        ),
        "a model out of step with its labels or thresholds": (
            "models/test_registry.py::test_permuted_classes_are_refused",
            "models/test_registry.py::test_other_preprocessing_is_refused",
            "models/test_registry.py::test_a_threshold_that_was_changed_after_the_manifest_was_written_is_refused",
        ),
        "corrupted weights": (
            "models/test_registry.py::test_one_flipped_bit_is_refused",
            "models/test_registry.py::test_not_a_number_among_golden_answers_is_refused",
        ),
        "a signal too poor to be read": (
            INTAKE,
            "signal/test_signal.py::test_a_signal_without_beats_is_refused_in_one_sentence",
        ),
        "pictures that are no beat, or one upside down": (
            INTAKE,
            "beat_images/test_doubts.py::test_mirrored_pictures_are_mostly_doubted",
        ),
        "modes, depths and orientations of pictures": (
            "intake/test_intake_picture.py::test_every_png_mode_decodes_to_the_same_pixels",
            "intake/test_intake_picture.py::test_the_camera_s_orientation_is_undone",
        ),
        "a malicious model file": ("hostile/test_answers.py::test_nothing_that_could_run_code_is_ever_loaded",),
        "paths, addresses and links in names": (
            INTAKE,
            "hostile/test_hostile_intake.py::test_a_symbolic_link_in_place_of_a_signal_file_is_not_followed",
            "hostile/test_hostile_intake.py::test_a_header_cannot_send_the_reader_elsewhere",
            "hostile/test_network.py::test_a_recording_is_analysed_and_reported_without_a_network",
        ),
        "the patient in headers, names, logs and outputs": (
            "hostile/test_hostile_intake.py::test_the_patient_in_the_header_is_nowhere_in_the_recording",
            "export/test_patient.py::test_no_output_names_anybody_unless_it_is_asked_to",
            RUNNING + "no_log_of_the_worker_names_the_patient",
            "store/test_erasure.py::test_nothing_on_the_disk_names_the_patient_afterwards",
            "store/test_erasure.py::test_what_people_typed_names_nobody_afterwards_and_chain_and_signatures_hold",
            "store/test_retention.py::test_what_was_left_alone_for_too_long_goes_and_the_trail_says_why",
        ),
        "sessions that mix": (
            "e2e/test_stories.py::test_two_visitors_do_not_see_each_others_record",
            "repository/test_arrows.py::test_no_module_outside_the_app_keeps_mutable_state",
            RUNNING + "a_name_that_one_uploader_gave_is_not_shown_to_another",
        ),
        "text that is run as markup": (
            INTAKE,
            "app/test_study_page.py::test_markdown_in_names_is_shown_as_text",
            "app/test_analyse_page.py::test_markdown_in_a_refusal_is_shown_as_text",
        ),
        "text that a spreadsheet runs": (
            "export/test_export.py::test_a_text_that_a_spreadsheet_would_run_is_made_plain",
            "hostile/test_tables.py::test_every_table_with_words_of_others_is_made_safe",
        ),
        "reaching the server without a right": (
            "deployment/test_proxy.py::test_a_websocket_is_opened_for_the_own_page_only",
            "deployment/test_proxy.py::test_the_page_comes_with_the_headers_that_the_application_lacks",
            "deployment/test_proxy.py::test_metrics_are_hidden_and_health_answers",
            "store/test_rights.py::test_each_role_may_do_what_the_table_says_and_nothing_else",
            "store/test_rights.py::test_no_role_has_a_right_beyond_what_the_deployment_page_gives_it",
            "e2e/test_sign_in_stories.py::test_what_answers_without_a_sign_in_tells_nothing_of_a_patient",
            "e2e/test_sign_in_stories.py::test_what_was_taken_away_is_gone_from_its_address_once_its_reader_has_left",
            "hostile/test_network.py::test_what_a_page_shows_lies_under_a_name_that_nobody_can_make_of_it",
        ),
        "a wrong file under a right name": (INTAKE,),
        "pictures that unfold without bound": (
            INTAKE,
            "intake/test_intake_picture.py::test_the_pixel_limit_is_checked_before_decoding",
        ),
        "archives that unfold, point outside or lie": (
            INTAKE,
            RUNNING + "a_member_without_a_name_troubles_no_question_about_an_archive",
        ),
        "a day of several leads": (
            "intake/test_intake_wfdb.py::test_a_day_of_two_leads_is_read_in_seconds_and_under_a_gigabyte",
        ),
        "a header as a weapon": (
            INTAKE,
            "intake/test_apart.py::test_what_takes_too_much_is_refused_in_one_sentence_and_the_next_upload_is_read",
        ),
        "a worker that dies": (
            "worker/test_worker.py::test_an_analysis_killed_in_the_middle_goes_on_to_the_same_result",
            "worker/test_limits.py::test_whatever_a_job_raises_is_a_sentence_and_the_next_one_is_done",
            RUNNING + "a_job_that_kills_its_worker_does_not_stop_the_next_one",
        ),
        "a disk that is full or cannot be written": (
            "export/test_export.py::test_a_full_disk_leaves_the_old_file_and_no_fragment",
            "archive/test_interrupted.py::test_wherever_the_disk_is_full_a_rerun_gives_the_same_bytes",
            RUNNING + "a_recording_for_which_there_is_no_room_is_refused_before_anything_is_written",
            RUNNING + "an_analysis_for_which_there_is_no_room_is_refused_in_one_sentence",
        ),
        "many at the same time": (
            "store/test_store_crash.py::test_two_readers_writing_at_once_lose_and_double_nothing",
            "store/test_chain.py::test_writers_of_many_studies_at_once_make_one_chain",
            "e2e/test_worklist_stories.py::test_two_browsers_on_one_study_overwrite_nothing_and_say_who_was_faster",
        ),
        "odd environments and texts": (
            INTAKE,
            "intake/test_names_of_records.py::test_names_of_any_script_survive",
            "models/test_registry.py::test_shipped_networks_pass_their_own_checks",
        ),
    }
)

TWENTY: Final = MappingProxyType(
    {
        "a deletion that leaves copies": (
            "store/test_copies.py::test_every_copy_goes",
            "store/test_copies.py::test_a_copy_that_cannot_be_deleted_is_said_and_tried_again",
            "store/test_copies.py::test_a_removal_that_was_killed_is_finished",
            "store/test_erasure.py::test_another_home_with_the_same_database_deletes_and_erases_too",
            "hostile/test_answers.py::test_an_open_session_lets_go_of_a_recording_that_was_deleted",
            "hostile/test_answers.py::test_an_open_study_lets_go_of_its_signal_when_another_session_deletes_it",
        ),
        "a backup that restores to nothing": (
            "store/test_backup.py::test_what_was_decided_comes_back_with_its_recording_and_rights",
            "store/test_backup.py::test_nothing_is_restored_beside_a_database_or_its_log",
            "store/test_backup.py::test_backups_that_are_made_while_somebody_decides_hold_what_was_confirmed_before_them",
            "store/test_backup.py::test_what_was_erased_or_deleted_since_the_backup_goes_again",
        ),
        "a wrong answer that looks right": (
            "signal/test_signal_quality.py::test_what_is_not_n_beside_a_gap_is_not_classified",
            "signal/test_signal_quality.py::test_a_sampling_frequency_that_is_wrong_by_two_or_three_is_asked_about",
        ),
        "a blind reading that others see": (
            "store/test_store_reviews.py::test_a_blind_reading_is_seen_by_nobody_but_its_reader_until_it_is_finished",
        ),
        "annotations larger than the recording": (RUNNING + "annotations_are_bounded_by_the_recording",),
        "a name that another uploader gave": (RUNNING + "a_name_that_one_uploader_gave_is_not_shown_to_another",),
        "files that others on the machine can read": (
            "store/test_backup.py::test_what_was_decided_comes_back_with_its_recording_and_rights",
            "store/test_store_recordings.py::test_a_home_that_a_recording_makes_is_nobody_elses",
        ),
        "a killed worker that strands other people's jobs": (
            RUNNING + "a_job_that_kills_its_worker_does_not_stop_the_next_one",
            RUNNING + "a_server_follows_a_worker_that_was_killed_with_another_one",
        ),
        "a cache that cannot be written": (RUNNING + "a_cache_that_cannot_be_written_is_one_sentence_on_the_page",),
        "a formula taken away by the table's own button": (
            "hostile/test_tables.py::test_every_table_with_words_of_others_is_made_safe",
        ),
        "a server that asks the internet for its address": (
            "hostile/test_network.py::test_the_server_asks_nobody_for_its_outer_address",
            "hostile/test_network.py::test_pages_are_drawn_without_a_network",
        ),
        "a dead first lead": ("signal/test_signal_quality.py::test_a_dead_first_lead_is_passed_over_and_said_so",),
        "names of other scripts that become one": (
            "intake/test_names_of_records.py::test_names_of_any_script_survive",
        ),
        "an archive with a member without a name": (
            RUNNING + "a_member_without_a_name_troubles_no_question_about_an_archive",
        ),
        "a table with infinite values": (
            "hostile/test_answers.py::test_a_table_in_volts_with_enormous_values_holds_nothing_infinite",
        ),
        "a killed intake that leaves the signal behind": (
            RUNNING + "what_a_killed_writer_left_half_made_is_cleared_away_and_what_is_being_made_is_not",
        ),
        "a damaged database": (
            "store/test_backup.py::test_a_database_that_is_damaged_is_refused_when_it_is_opened",
            "store/test_store_database.py::test_a_database_whose_tables_are_broken_says_so_and_not_try_again",
            "store/test_store_database.py::test_a_database_that_has_lost_its_version_says_so",
        ),
        "a trail or signature that is changed by hand": (
            "store/test_chain.py::test_an_entry_that_was_edited_is_named",
            "store/test_chain.py::test_a_signature_that_was_taken_back_by_hand_is_named",
            "store/test_seals.py::test_what_was_changed_since_is_noticed",
            "models/test_registry.py::test_a_threshold_that_was_changed_after_the_manifest_was_written_is_refused",
        ),
        "a clock that jumps": (
            RUNNING + "a_clock_that_jumps_a_month_ahead_loses_no_job_that_waits",
            RUNNING + "a_clock_that_goes_back_keeps_order_versions_and_chain",
            "store/test_retention.py::test_a_clock_that_is_wrong_once_deletes_nothing",
        ),
        "a proxy taken for this computer": (RUNNING + "a_proxy_that_says_nothing_of_itself_is_not_this_computer",),
    }
)

if __name__ == "__main__":
    for title, tests in (*THIRTY.items(), *TWENTY.items()):
        sys.stdout.write(f"{title}\n" + "".join(f"    tests/{test}\n" for test in tests))
