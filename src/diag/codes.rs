//! Every diagnostic's code, severity and title, declared once. Its page is `docs/errors/CODE.md`: a code without
//! a page does not compile, and the page's examples are its test.

use super::Severity;

macro_rules! codes {
    ($($code:ident $severity:ident $title:literal;)*) => {
        /// The stable name of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($code,)* }

        /// Every code there is, in order.
        pub const ALL: &[Code] = &[$(Code::$code,)*];

        impl Code {
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The Markdown page that `trine explain` shows.
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("../../docs/errors/", stringify!($code), ".md")),)* }
            }
        }
    };
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Code {
    pub fn find(name: &str) -> Option<Code> {
        ALL.iter().copied().find(|c| c.name().eq_ignore_ascii_case(name))
    }
}

codes! {
    T0101 Error "something else was expected here";
    T0102 Error "a bracket is not closed";
    T0103 Error "the language version is missing, or from the future";
    T0104 Error "the text is too large, nested too deeply, or asks for too much";
    T0105 Error "a number or its unit is malformed";
    T0106 Error "this is not text";
    T0107 Error "a reserved word is used as a name";

    T0201 Error "a name is not defined";
    T0202 Error "something is said twice";
    T0203 Warning "a name is never used";
    T0204 Error "an import leads nowhere";
    T0205 Error "too many arguments";
    T0206 Error "an argument has no such name";
    T0207 Error "an argument is missing";
    T0208 Error "another kind of thing is needed here";
    T0209 Error "there is no such field";
    T0210 Error "a setting or statement does not belong here";
    T0211 Error "a letter is used outside its range";
    T0212 Error "a hole is still open";

    T0301 Error "shapes do not agree";
    T0302 Error "units do not agree";
    T0303 Error "types do not agree";
    T0304 Error "nothing broadcasts silently";
    T0305 Error "a shape cannot be told";
    T0306 Error "a number must be known before the run";
    T0307 Error "an axis cannot have this size";
    T0308 Error "a number lies outside of its range";

    T0401 Error "populations depend on each other without a delay";
    T0402 Warning "no rule reaches a parameter";
    T0403 Error "two rules write one parameter";
    T0404 Error "a rule differentiates what has no derivative";
    T0405 Error "the objective does not fit";
    T0406 Error "there is no target";
    T0407 Error "there is no reward";
    T0408 Error "a signal never ends, or is not defined here";
    T0409 Error "this derivative is not explicit";
    T0410 Error "this part of the language cannot run yet";
    T0411 Error "a free variable is read outside of a phase";
    T0412 Error "a claim is false";
    T0413 Error "a claim cannot be settled";
    T0414 Warning "forward weights stand in for feedback";
    T0415 Warning "a rule moves nothing";
    T0416 Warning "a trace remembers nothing";
    T0417 Warning "a softmax is taken of a softmax";
    T0418 Warning "a measure is named after another split";
    T0419 Warning "a state is never written";
    T0420 Warning "a batch of one example is compared with itself";

    T0501 Error "data cannot be found";
    T0502 Error "data is damaged";
    T0503 Error "data does not have the declared shape";
    T0504 Error "data is not finite";
    T0505 Error "a split asks for more than there is";
    T0506 Error "a label lies outside its range";

    T0601 Error "an experiment lacks a part";
    T0602 Error "there is no such measure or condition";
    T0603 Error "an expectation can never be met, or never fail";
    T0604 Error "an expectation asks for more seeds than are declared";
    T0605 Error "an expectation cannot be judged in this form";
    T0606 Warning "a comparison is not controlled";
    T0607 Warning "a registered hypothesis was changed";
    T0608 Error "the registration cannot be read";
    T0609 Error "a sweep or a tuning cannot be made";

    T0701 Error "numbers stopped being finite";
    T0702 Error "an engine died";
    T0703 Error "the run does not fit the machine";
    T0704 Error "the engine cannot be started";
    T0705 Error "the store cannot be used";
    T0706 Warning "a stored run is damaged";

    T0801 Error "a file cannot be read";
    T0802 Error "there is no such experiment";
    T0803 Error "--set names nothing that can be set";
}
