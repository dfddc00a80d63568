//! The standard library, which is Trine and comes with the program.

/// A module of the standard library: its name and its files.
pub struct StdModule {
    pub name: &'static str,
    pub files: &'static [(&'static str, &'static str)],
    /// In scope everywhere without an import.
    pub prelude: bool,
}

macro_rules! files {
    ($($path:literal),*) => { &[$((concat!("std/", $path), include_str!(concat!("../std/", $path)))),*] };
}

/// Every module, in the order in which they are read.
pub const MODULES: &[StdModule] = &[
    StdModule {
        name: "std.functions",
        files: files!("functions.trine", "layers.trine", "measures.trine"),
        prelude: true,
    },
    StdModule { name: "std.projections", files: files!("projections.trine"), prelude: true },
    StdModule { name: "std.objectives", files: files!("objectives.trine"), prelude: true },
    StdModule { name: "std.optimizers", files: files!("optimizers.trine"), prelude: true },
    StdModule {
        name: "std.rules",
        files: files!(
            "rules/gradient.trine",
            "rules/feedback.trine",
            "rules/targets.trine",
            "rules/perturbation.trine",
            "rules/energy.trine",
            "rules/reward.trine",
            "rules/dendritic.trine",
            "rules/local.trine",
            "rules/unsupervised.trine"
        ),
        prelude: false,
    },
    StdModule { name: "std.tasks", files: files!("tasks/digits.trine", "tasks/synthetic.trine"), prelude: false },
];

/// The network on which declarations are tried: x -> a -> b -> z.
pub const TWO_HIDDEN_LAYERS: &str = include_str!("../std/plain.trine");
