//! The texts of the display.

use super::*;

fn work(name: &str) -> Work {
    let share = |seed: usize| Share {
        name: format!("{name}, seed {seed}"),
        condition: (0, seed % 2),
        cost: 1.0,
        length: Length::Epochs(20),
        step: 0,
        steps: 200,
        loss: None,
        ended: false,
    };
    let replicates: Vec<Share> = (0..4).map(share).collect();
    let conditions = BTreeMap::from([((0, 0), 2), ((0, 1), 2)]);
    Work { began: Instant::now() - Duration::from_secs(60), engines: 2, replicates, conditions, running: Vec::new() }
}

#[test]
fn the_lines_say_what_is_done() {
    let mut work = work("credit");
    assert_eq!(work.first_line(), "training 4 replicates of 2 conditions on 2 engines");
    work.follow(&RunEvent::Begun { replicate: 0, pid: 1 });
    work.follow(&RunEvent::Begun { replicate: 1, pid: 2 });
    work.follow(&RunEvent::Progress { replicate: 0, step: 100, steps: 200, loss: Some(0.25) });
    assert_eq!(work.row(0, WIDTH), "  credit, seed 0  [=====     ] epoch 10/20  loss 0.2500");
    work.follow(&RunEvent::Ended { replicate: 0 });
    work.follow(&RunEvent::Ended { replicate: 2 });
    assert_eq!(work.head(WIDTH), "[==========          ]  50 %  2/4 replicates, 1/2 conditions, 60 s left");
    work.follow(&RunEvent::Progress { replicate: 1, step: 20, steps: 200, loss: Some(1e-9) });
    work.follow(&RunEvent::Lost { replicate: 1 });
    assert_eq!((work.done(), work.running.len()), (0.5, 0));
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    let mut work = work(&"a condition with a very long name ".repeat(5));
    work.running.extend([0, 1, 2, 3]);
    work.replicates[0].loss = Some(-1.234e-300);
    for line in [work.line(), work.first_line(), work.last_line(true)] {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    for width in [8, 19, 40, NARROW, WIDTH] {
        for line in [work.row(0, width), work.head(width)] {
            assert!(line.chars().count() <= width, "{line}");
        }
    }
    assert_eq!(work.row(1, 19), "  epoch 0/20");
    assert_eq!(work.head(19), "  0 %  0/4 replica…");
}

#[test]
fn times_and_numbers_are_short() {
    assert_eq!([0.04, 61.0, 150.0, 8000.0].map(duration), ["0.0 s", "61 s", "2 min 30 s", "2 h 13 min"]);
    assert_eq!([0.0, 2.5, 123456.0, 1e-9].map(number), ["0", "2.500", "1.23e5", "1.00e-9"]);
}
