//! Time, output, processes, network: what bounds a script, and that nothing of it is left.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use campanile::privileged::shell::protocol::{Answer, Ask, Ending, Run};
use campanile_tests::process::memory;
use rustix::process::{Pid, Signal, geteuid};
use tokio::process::Command;

use super::site::{As, SOON, Scripts, marked, marker, of_user, run, until_marked};

/// Leaves behind what the kernel gives it: in its own session, twice forked, with our pipes open.
fn scatter(marker: &str) -> String {
    format!(
        "trap '' TERM\n\
         setsid bash -c 'trap \"\" TERM; exec -a {marker} sleep 300' &\n\
         (setsid setsid bash -c 'exec -a {marker} sleep 300' &)\n\
         (bash -c 'exec -a {marker} sleep 300' & disown) &\n"
    )
}

#[tokio::test]
async fn a_script_beyond_its_time_is_ended_with_all_that_it_scattered() {
    for who in As::all() {
        let marker = marker();
        let scripts =
            Scripts::new().script("late.sh", &format!("{}echo begun\nsleep 300", scatter(&marker)));
        let helper = scripts.helper(who, "wall_s = 1").await;
        let started = Instant::now();
        let running = async { helper.runs("late.sh").await };
        let (ran, ()) = tokio::join!(running, until_marked(&marker, |count| count >= 3));
        assert_eq!(ran.ending, Ending::TimedOut, "{who:?}");
        assert!(started.elapsed() < Duration::from_secs(6), "{who:?} {:?}", started.elapsed());
        assert!(ran.output.starts_with("begun"), "{who:?}: {}", ran.output);
        // At once: nothing of it is alive when the answer is here.
        assert_eq!(marked(&marker), [0; 0], "{who:?}");
    }
}

#[tokio::test]
async fn a_script_that_ends_leaves_nothing_either_and_is_not_waited_for_its_pipes() {
    for who in As::all() {
        let marker = marker();
        let text = format!("{}while [ $(pgrep -fc {marker}) -lt 3 ]; do :; done\nexit 3", {
            scatter(&marker)
        });
        let scripts = Scripts::new().script("leaves.sh", &text);
        let helper = scripts.helper(who, "").await;
        let started = Instant::now();
        assert_eq!(helper.runs("leaves.sh").await.ending, Ending::Exit(3), "{who:?}");
        assert!(started.elapsed() < Duration::from_secs(15), "{who:?} {:?}", started.elapsed());
        assert_eq!(marked(&marker), [0; 0], "{who:?}");
    }
}

#[tokio::test]
async fn the_word_to_end_comes_first_and_a_script_may_act_on_it() {
    for who in As::all() {
        let text = "trap 'echo bye; exit 0' TERM\nsleep 300 & wait";
        let scripts = Scripts::new().script("polite.sh", text);
        let helper = scripts.helper(who, "").await;
        let mut asked = run("polite.sh");
        asked.wall_ms = Some(500);
        let started = Instant::now();
        let ran = helper.ran(asked).await;
        assert_eq!((ran.ending, ran.output.as_str()), (Ending::TimedOut, "bye\n"), "{who:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{who:?}");
    }
}

#[tokio::test]
async fn a_question_can_shorten_the_time_and_never_lengthen_it() {
    let scripts = Scripts::new().script("long.sh", "sleep 300");
    for who in As::all() {
        let helper = scripts.helper(who, "wall_s = 1").await;
        let mut asked = run("long.sh");
        asked.wall_ms = Some(u32::MAX);
        let started = Instant::now();
        assert_eq!(helper.ran(asked).await.ending, Ending::TimedOut, "{who:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{who:?}");
    }
}

#[tokio::test]
async fn endless_output_ends_the_script_and_costs_the_helper_no_memory() {
    for who in As::all() {
        let marker = marker();
        let text = format!("exec -a {marker} head -c 200000000 /dev/zero");
        let scripts = Scripts::new().script("loud.sh", &text).script("fine.sh", "echo fine");
        let helper = scripts.helper(who, "").await;
        helper.runs("fine.sh").await;
        let pid = helper.process.id().unwrap();
        let before = memory(pid).peak;
        let ran = helper.runs("loud.sh").await;
        assert_eq!(ran.ending, Ending::TooMuchOutput, "{who:?}");
        assert!((16 << 20..18 << 20).contains(&ran.output_bytes), "{who:?} {}", ran.output_bytes);
        assert_eq!(marked(&marker), [0; 0], "{who:?}");
        // All of it where the policy has room; what is kept is bounded all the same.
        let helper = scripts.helper(who, "output_bytes = 300000000").await;
        let ran = helper.runs("loud.sh").await;
        assert_eq!((ran.ending, ran.output_bytes), (Ending::Exit(0), 200_000_000), "{who:?}");
        assert!(ran.output.len() < 66_000, "{who:?} {}", ran.output.len());
        let grown = memory(helper.process.id().unwrap()).peak.saturating_sub(before);
        assert!(grown < 16 << 20, "{who:?}: {grown} bytes");
    }
}

#[tokio::test]
async fn a_script_need_not_read() {
    for who in As::all() {
        let scripts = Scripts::new()
            .script("deaf.sh", "exit 0")
            .script("closes.sh", "exec 0<&-; sleep 0.1; exit 0")
            .script("counts.sh", "wc -c");
        let helper = scripts.helper(who, "").await;
        let mut asked = run("deaf.sh");
        asked.stdin = "x".repeat(1 << 20);
        for name in ["deaf.sh", "closes.sh"] {
            name.clone_into(&mut asked.script);
            let ran = helper.ran(asked.clone()).await;
            assert_eq!(ran.ending, Ending::Exit(0), "{who:?} {name}: {}", ran.output);
        }
        "counts.sh".clone_into(&mut asked.script);
        assert_eq!(helper.ran(asked).await.output.trim(), (1 << 20).to_string(), "{who:?}");
    }
}

/// Two ways out: what listens on this machine, and a datagram to anywhere.
#[tokio::test]
async fn without_network_no_socket_leads_out_of_a_script() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let scripts = Scripts::new()
        .script("tcp.sh", &format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo out"))
        .script("udp.sh", "echo x > /dev/udp/127.0.0.1/9 && echo out");
    for who in As::all() {
        for (policy, expected) in [("", false), ("network = true", true)] {
            let helper = scripts.helper(who, policy).await;
            for name in ["tcp.sh", "udp.sh"] {
                let ran = helper.runs(name).await;
                let is_out = ran.output.contains("out\n");
                assert_eq!(is_out, expected, "{who:?} {policy} {name}: {}", ran.output);
            }
        }
    }
}

#[tokio::test]
async fn a_fork_bomb_is_bounded_and_ends() {
    let bomb = "bomb() { bomb & bomb & wait; }\nbomb";
    for who in As::all() {
        let scripts = Scripts::new().script("bomb.sh", bomb);
        let helper = scripts.helper(who, "processes = 40\nwall_s = 2").await;
        let mut peak = 0;
        let watch = async {
            loop {
                peak = peak.max(of_user(scripts.uid));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let started = Instant::now();
        let ran = tokio::select! {
            ran = helper.runs("bomb.sh") => ran,
            () = watch => panic!("it watches for ever"),
        };
        // The process between, as a plain user the helper, and what changed during the look.
        assert!((20..=50).contains(&peak), "{who:?} {peak}");
        assert_eq!(ran.ending, Ending::TimedOut, "{who:?}: {}", ran.output);
        assert!(ran.output.contains("fork"), "{who:?}: it met the bound: {}", ran.output);
        assert!(started.elapsed() < Duration::from_secs(15), "{who:?}");
    }
}

#[tokio::test]
async fn memory_and_files_are_bounded() {
    for who in As::all() {
        let scripts = Scripts::new();
        let big = scripts.at("open").join(format!("{who:?}"));
        let scripts = scripts
            .script(
                "memory.sh",
                "head -c 400M /dev/zero | tail -n 1 | wc -c; exit ${PIPESTATUS[1]}",
            )
            .script("file.sh", &format!("head -c 10M /dev/zero > {big:?}"));
        let policy = "memory_bytes = 134217728\nfile_bytes = 1048576";
        let helper = scripts.helper(who, policy).await;
        let ran = helper.runs("memory.sh").await;
        assert!(!matches!(ran.ending, Ending::Exit(0)), "{who:?}: {ran:?}");
        let ran = helper.runs("file.sh").await;
        assert!(!matches!(ran.ending, Ending::Exit(0)), "{who:?}: {ran:?}");
        assert_eq!(std::fs::metadata(&big).unwrap().len(), 1 << 20, "{who:?}");
    }
}

#[tokio::test]
async fn a_helper_that_lacks_rights_of_root_runs_and_ends_scripts_all_the_same() {
    if !geteuid().is_root() {
        return; // Nobody else has them.
    }
    let text = "trap 'id -u; exit 0' TERM\nsleep 300 & wait";
    let scripts = Scripts::new().script("polite.sh", text);
    let helper = scripts.helper(As::Contained, "").await;
    let ran = helper.ran(Run { wall_ms: Some(500), ..run("polite.sh") }).await;
    assert_eq!((ran.ending, ran.output), (Ending::TimedOut, format!("{}\n", scripts.uid)));
}

/// As by `LimitNOFILE=` of the service, or where a plain user has few.
#[tokio::test]
async fn a_limit_that_is_lower_already_stays_and_scripts_run() {
    for who in As::all() {
        let scripts = Scripts::new().script("files.sh", "ulimit -Hn");
        let helper = scripts.helper(who, "files = 100").await;
        let mut lower = Command::new("prlimit");
        lower.args(["--nofile=50:50", "--pid"]).arg(helper.process.id().unwrap().to_string());
        if who == As::Plain && geteuid().is_root() {
            lower.uid(scripts.uid).gid(scripts.uid);
        }
        assert!(lower.status().await.unwrap().success(), "{who:?}");
        assert_eq!(helper.prints("files.sh").await, "50\n", "{who:?}");
    }
}

#[tokio::test]
async fn a_helper_that_is_killed_or_loses_its_engine_takes_its_scripts_along() {
    for who in As::all() {
        for is_killed in [true, false] {
            let marker = marker();
            let text = format!("{}sleep 300", scatter(&marker));
            let scripts = Scripts::new().script("long.sh", &text);
            let helper = scripts.helper(who, "wall_s = 300").await;
            let asked = Ask::Run(run("long.sh"));
            let running = helper.ask(&asked);
            let begun = until_marked(&marker, |count| count >= 3);
            tokio::select! {
                ran = running => panic!("{ran:?}"),
                () = begun => {}
            }
            if is_killed {
                let pid = i32::try_from(helper.process.id().unwrap()).unwrap();
                rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
                until_marked(&marker, |count| count == 0).await;
            } else {
                let mut process = helper.forget().await;
                until_marked(&marker, |count| count == 0).await;
                let status = tokio::time::timeout(SOON, process.wait()).await.unwrap().unwrap();
                assert!(status.success(), "{status}");
            }
        }
    }
}

/// The process between helper and script is of the same user as the script.
#[tokio::test]
async fn a_script_that_turns_on_what_runs_it_gains_nothing() {
    for who in As::all() {
        let marker = marker();
        let attack = format!(
            "{}trap '' TERM HUP\nkill -KILL $PPID\nkill -STOP $PPID\n\
             cat /proc/$PPID/fd/0 /proc/$PPID/mem /proc/$PPID/environ\n\
             exec -a {marker} sleep 300",
            scatter(&marker)
        );
        let scripts = Scripts::new().script("attack.sh", &attack).script("next.sh", "echo next");
        let helper = scripts.helper(who, "wall_s = 2").await;
        let started = Instant::now();
        let ran = helper.runs("attack.sh").await;
        // As the first process of a namespace it cannot be killed from within.
        let expected = if who == As::Root { Ending::TimedOut } else { Ending::Lost };
        assert_eq!(ran.ending, expected, "{who:?}: {}", ran.output);
        assert!(started.elapsed() < Duration::from_secs(20), "{who:?}");
        assert_eq!(marked(&marker), [0; 0], "{who:?}");
        assert_eq!(helper.prints("next.sh").await, "next\n", "{who:?}");
    }
}

#[tokio::test]
async fn scripts_run_one_after_the_other_unless_the_policy_says_otherwise() {
    for who in As::all() {
        let scripts = Scripts::new();
        let log = scripts.at("open").join(format!("log-{who:?}"));
        let text = format!(
            "echo in >> {log:?}\n\
             until [ $(grep -c in {log:?}) -ge $1 ]; do sleep 0.01; done\n\
             sleep 0.1; echo out >> {log:?}"
        );
        let scripts = scripts.script("turn.sh", &text).script("long.sh", "sleep 8");
        for (count, expected) in [(1, "in out in out"), (2, "in in out out")] {
            _ = std::fs::remove_file(&log);
            let helper = scripts.helper(who, &format!("max_concurrency = {count}")).await;
            // Where both run at once, each waits for the other.
            let mut asked = run("turn.sh");
            asked.arguments = vec![count.to_string()];
            let (one, other) = tokio::join!(helper.ran(asked.clone()), helper.ran(asked));
            assert_eq!((one.ending, other.ending), (Ending::Exit(0), Ending::Exit(0)));
            let log = std::fs::read_to_string(&log).unwrap();
            assert_eq!(log.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{who:?}");
        }
        let helper = scripts.helper(who, "").await;
        let (long, short) = tokio::join!(helper.runs("long.sh"), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            helper.answers(run("turn.sh")).await
        });
        assert_eq!(long.ending, Ending::Exit(0), "{who:?}");
        assert!(matches!(short, Answer::Busy), "{who:?}: {short:?}");
    }
}
