use super::*;

const OUTPUT: &str = "     Running tests/core/main.rs (target/debug/deps/core-1f9329af9f2b6912)

running 3 tests
test one ... ok
test two ... FAILED
test three - should panic ... FAILED

failures:

---- two stdout ----
what it said

failures:
    two
    three

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s

error: test failed, to rerun pass `-p twinconsent --test core`
     Running tests/crds.rs (target/debug/deps/crds-ac4c4a1b0dadeeda)

running 1 test
test five ... ok

test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.00s
";

#[test]
fn every_failed_test_is_named_with_the_command_that_runs_it_again() {
    let report = Report::of(OUTPUT);
    assert_eq!((report.passed, report.failed, report.skipped, report.done), (2, 2, 1, 5));
    let failures: Vec<_> = report.failures.iter().map(|failure| (&*failure.name, &*failure.again)).collect();
    assert_eq!(
        failures,
        [
            ("-p twinconsent --test core: two", "cargo test --locked -p twinconsent --test core -- --exact 'two'"),
            ("-p twinconsent --test core: three", "cargo test --locked -p twinconsent --test core -- --exact 'three'"),
        ]
    );
    let summary = report.summary(true);
    assert!(summary.contains("FAILED  -p twinconsent --test core: two\n        cargo test"), "{summary}");
    assert_eq!(summary.lines().last(), Some("2 passed, 2 failed, 1 skipped"));
    assert!(!report.is_green(false));
}

#[test]
fn the_first_panic_of_a_test_that_failed_is_told_at_the_end() {
    let said = "thread 'two' (7) panicked at tests/core/main.rs:1:5:\nassertion `left == right` failed: they differ\n  left: 1\n right: 2\n\
                stack backtrace:\n   0: core::panicking::panic_fmt\n\nthread 'two' (7) panicked at tests/core/main.rs:9:9:\nanother\n\n\
                thread 'unknown' (8) panicked at src/lib.rs:1:1:\nof no test";
    let report = Report::of(&OUTPUT.replace("what it said", said));
    let why: Vec<_> = report.failures.iter().map(|failure| failure.why.join("|")).collect();
    let two = "thread 'two' (7) panicked at tests/core/main.rs:1:5:|assertion `left == right` failed: they differ|  left: 1| right: 2";
    assert_eq!(why, [two, ""]);
    assert!(report.summary(true).contains("\n        >   left: 1\n"), "{}", report.summary(true));
}

#[test]
fn a_test_whose_outcome_stands_behind_words_of_another_is_named_and_counted() {
    let output = OUTPUT.replace("test two ... FAILED", "test two ... controlplane: downloading\nFAILED").replace("... ok", "... ready\nok");
    let (torn, whole) = (Report::of(&output), Report::of(OUTPUT));
    assert_eq!((torn.done, torn.failures.len()), (whole.done, 2));
    assert!(whole.failures.iter().all(|failure| torn.failures.contains(failure)), "{torn:?}");
}

#[test]
fn a_suite_that_crashes_is_named_too() {
    let report = Report::of(
        "     Running tests/core/main.rs (target/debug/deps/core-1)\n\nrunning 3 tests\ntest one ... ok\nerror: test failed, to rerun pass \
         `-p twinconsent --test core`\n\nCaused by:\n  process didn't exit successfully (signal: 6, SIGABRT)\n",
    );
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!(failure.again, "cargo test --locked -p twinconsent --test core");
    assert!(!report.is_green(false), "{report:?}");
}

#[test]
fn an_example_of_the_documentation_is_run_again_by_its_place() {
    let report = Report::of(
        "   Doc-tests heygen_simulator\n\nrunning 1 test\ntest crates/heygen-simulator/src/lib.rs - (line 12) ... FAILED\n\ntest result: FAILED. 0 \
         passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\nerror: doctest failed, to rerun pass `-p heygen-simulator --doc`\n",
    );
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!(failure.again, "cargo test --locked -p heygen-simulator --doc -- 'crates/heygen-simulator/src/lib.rs - (line 12)'");
}

#[test]
fn tests_of_go_count_with_their_rows_and_are_run_again_by_row() {
    let report = Report::of(
        "== Go: tests/gitops/kstatus\n=== RUN   TestRows\n=== RUN   TestRows/approved.yaml\n--- FAIL: TestRows (0.01s)\n    --- PASS: TestRows/pending \
         (0.00s)\n    --- FAIL: TestRows/approved.yaml (0.00s)\n--- SKIP: TestOther (0.00s)\nFAIL\n",
    );
    assert_eq!((report.passed, report.failed, report.skipped, report.done), (1, 2, 1, 0));
    let again = "(cd tests/gitops/kstatus && CGO_ENABLED=0 GOWORK=off go test -run '^TestRows$/^approved\\.yaml$' ./...)";
    assert_eq!(report.failures[1].again, again);
}

#[test]
fn rows_of_go_are_shown_only_when_one_failed_or_could_not_be_compiled() {
    let good = "== Go: a\n--- PASS: TestRows (0.01s)\nok  \ta\n";
    assert!(!is_worth_reading(good));
    assert!(is_worth_reading(&good.replace("PASS", "FAIL")));
    assert!(is_worth_reading(&format!("{good}== Go: b\nFAIL\tb [build failed]\n")));
    assert!(is_worth_reading("test one ... ok\n"));
}

#[test]
fn a_suite_that_is_still_at_it_shows_what_failed_already() {
    let report =
        Report::of("     Running tests/core/main.rs (core-1)\n\nrunning 3 tests\ntest one ... ok\ntest two ... FAILED\ntest three ..");
    assert_eq!((report.done, report.failures.len()), (2, 1));
    assert_eq!(report.line(8, "~2 min"), "25 % · 2 of 8 tests · 1 FAILED · ~2 min left");
}

#[test]
fn what_fails_without_a_test_or_runs_none_is_not_green() {
    let good = Report::of("test one ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored\n");
    assert!(good.is_green(false) && !good.is_green(true));
    assert!(good.summary(true).starts_with("The tests could not be built or run"), "{}", good.summary(true));
    let none = Report::default();
    assert!(!none.is_green(false));
    assert_eq!(none.summary(false), "No test ran.\n0 passed, 0 failed, 0 skipped\n");
}

#[test]
fn the_reports_of_lanes_are_one() {
    let one = Report::of(OUTPUT);
    let both = one.clone().and(one.clone());
    assert_eq!((both.passed, both.failed, both.skipped, both.done, both.failures.len()), (4, 4, 2, 10, 4));
}

#[test]
fn the_suites_that_run_are_counted() {
    let output = "  Executable unittests src/lib.rs (target/debug/deps/twinconsent-abc4aca3620f0cee)\n  \
                  Executable tests/image/main.rs (target/debug/deps/image-5f0e92a274740baa)\n    Finished\n";
    assert_eq!(executables(output, &["image".to_owned()]), ["target/debug/deps/twinconsent-abc4aca3620f0cee"]);
    assert_eq!(listed("a::b: test\nc: test\nd: benchmark\n"), 2);
}

#[test]
fn the_rest_is_estimated_by_what_is_usual_at_first_and_by_what_is_seen_in_the_end() {
    let (usual, second) = (Duration::from_secs(900), Duration::from_secs(1));
    assert!(left(0, 1000, Duration::ZERO, usual) > second * 890);
    // Many are quick at the beginning: that half of them are done tells little.
    let middle = left(500, 1000, second * 60, usual);
    assert!(middle > second * 400 && middle < second * 600, "{middle:?}");
    // Late, it is the pace that counts.
    let late = left(950, 1000, second * 1900, usual);
    assert!(late > second * 90 && late < second * 110, "{late:?}");
    assert_eq!(left(1000, 1000, usual, usual), Duration::ZERO);
}
