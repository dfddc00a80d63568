//! The statistics beside numbers of scipy 1.17.1 and statsmodels 0.15.0. `benches/verdicts.py` compares many more, by
//! running both.

use super::bootstrap::Bootstrap;
use super::distributions::{noncentral_t_cdf, normal_quantile, two_sided};
use super::power::{Assumed, outlook, power_of, seeds_needed};
use super::*;
use crate::run::trace::{ConditionTrace, ExperimentTrace, MeasureTrace, Trace};

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-8 * b.abs().max(1e-3), "{a} is not {b}");
}

const A: [f64; 7] = [0.951, 0.948, 0.955, 0.960, 0.943, 0.957, 0.949];
const B: [f64; 7] = [0.968, 0.967, 0.964, 0.971, 0.970, 0.962, 0.969];

// stats.nct.cdf(t, df, shift)
#[test]
fn noncentral_t() {
    near(noncentral_t_cdf(2.0, 9.0, 1.5), 0.6558759139985497);
    near(noncentral_t_cdf(-1.0, 3.0, 0.5), 0.09212120981435942);
    near(noncentral_t_cdf(30.0, 49.0, 25.0), 0.9385381002031724);
    near(noncentral_t_cdf(2.0, 1.0, 1.0), 0.6228719644602817);
    near(noncentral_t_cdf(2.5, 6.0, 0.0), 1.0 - 0.5 * two_sided(2.5, 6.0).unwrap());
    near(normal_quantile(0.975), 1.959963984540054);
}

// stats.ttest_ind(A, B[:5], equal_var=False)
#[test]
fn welch() {
    let w = statistics::welch(&A, &B[..5]).unwrap();
    near(w.p_value(0.0).unwrap(), 0.00012745068645244259);
    near(w.freedom, 8.983413026188444);
    let (low, high) = w.interval(0.95).unwrap();
    near(low, -0.02185727499247664);
    near(high, -0.010428439293237836);
}

// stats.pearsonr(A, B), stats.linregress(A, B)
#[test]
fn correlation_and_slope() {
    let r = statistics::correlation(&A, &B);
    near(r, -0.3133097773339645);
    near(statistics::correlation_p(r, 7, 0.0).unwrap(), 0.49382580153822914);
    let (low, high) = statistics::correlation_interval(r, 7, 0.95).unwrap();
    near(low, -0.8627987462359299);
    near(high, 0.5755419753829859);
    let (slope, error) = statistics::slope(&A, &B);
    near(slope, -0.17433751743375173);
    near(error, 0.2363175240972956);
}

// stats.binomtest(17, 20, 0.6)
#[test]
fn shares() {
    let (low, high) = statistics::share_interval(17, 20, 0.95);
    near(low, 0.6210731734547044);
    near(high, 0.9679290628144552);
    near(statistics::share_p(17, 20, 0.6), 0.0319223255800165);
    assert_eq!(statistics::share_interval(0, 4, 0.95).0, 0.0);
    assert_eq!(statistics::share_interval(4, 4, 0.95).1, 1.0);
}

// stats.page_trend_test
#[test]
fn trends() {
    let seeds = [vec![1.0, 2.0, 3.0, 4.0], vec![2.0, 1.0, 3.0, 4.0], vec![1.0, 3.0, 2.0, 4.0]];
    near(trend::page(&seeds).unwrap(), 2.0 * 0.0028935185185185184);
    let falling: Vec<Vec<f64>> = seeds.iter().map(|s| s.iter().map(|x| -x).collect()).collect();
    near(trend::page(&falling).unwrap(), 2.0 * 0.0028935185185185184);
    // Beyond 20 seeds: method="asymptotic".
    let three = [vec![1.0, 2.0, 3.0, 4.0], vec![4.0, 3.0, 2.0, 1.0], vec![1.0, 3.0, 2.0, 4.0]];
    let many: Vec<Vec<f64>> = (0..21).map(|i| three[i % 3].clone()).collect();
    near(trend::page(&many).unwrap(), 0.034293721036492766);
    // Nothing but ties says nothing.
    assert_eq!(trend::page(&[vec![1.0; 3], vec![2.0; 3]]), Some(1.0));
    assert_eq!(trend::spearman(&[1.0, 1.0, 1.0]), 0.0);
    near(trend::spearman(&[1.0, 3.0, 2.0, 4.0]), 0.8);
}

// scipy.special.gammaln
#[test]
fn effects() {
    near(statistics::hedges(6), 0.8686266878274131);
    near(statistics::hedges(9), 0.9138748917925524);
    let d: Vec<f64> = A.iter().zip(B).map(|(a, b)| a - b).collect();
    near(statistics::effect_of_one(&d).unwrap(), -1.7810561202488002);
    assert_eq!(statistics::effect_of_one(&[1.0, 1.0]), None);
}

// The t density averaged over effects of N(0, 1), by scipy.integrate.quad, beside that without an effect.
#[test]
fn e_values() {
    let d: Vec<f64> = A.iter().zip(B).map(|(a, b)| a - b).collect();
    near(sequential::e_value(&d).unwrap(), 33.18037592842108);
    let t = sequential::critical_t(7, 1.0 / 33.18037592842108).unwrap();
    near(t, 5.424921466566944);
    assert_eq!(sequential::critical_t(4, 0.05), None);
    assert!(sequential::critical_t(5, 0.05).is_some());
    assert!(sequential::e_value(&[0.0; 9]).unwrap() < 1.0 && sequential::e_value(&[1.0; 9]).unwrap() > 20.0);
}

// stats.bootstrap((x,), np.mean, n_resamples=200000, method="BCa" or "percentile"), which draws others
#[test]
fn bootstraps() {
    let x = [1.0, 2.0, 3.0, -0.5, 1.8, 4.0, 0.2, 2.2, 1.1, 0.9, 7.0];
    let close = |(low, high): (f64, f64), wanted: (f64, f64)| {
        assert!((low - wanted.0).abs() < 0.06 && (high - wanted.1).abs() < 0.06, "{low} {high} {wanted:?}");
    };
    let corrected = Bootstrap::corrected(&x).unwrap();
    close(corrected.interval(0.95), (1.1545454545454545, 3.627272727272727));
    close(Bootstrap::plain(&x).unwrap().interval(0.95), (1.018181818181818, 3.3272727272727276));
    // p is where the interval ends.
    let shifted: Vec<f64> = x.iter().map(|x| x - corrected.interval(0.9).0).collect();
    assert!((Bootstrap::corrected(&shifted).unwrap().p_value() - 0.1).abs() < 0.01);
    assert_eq!(Bootstrap::corrected(&x).unwrap().interval(0.95), corrected.interval(0.95));
}

fn measured(experiment: &str, condition: usize) -> Term {
    let (experiment, measure) = (experiment.into(), "m".into());
    Term::Series { experiment, condition, measure, moment: Moment::Last, scale: 1.0 }
}

fn above_zero(scope: Scope, margin: Option<f64>) -> Expectation {
    Expectation {
        left: Term::Mean(Box::new(measured("e", 0))),
        relation: if margin.is_some() { Relation::Equal } else { Relation::Greater },
        right: Term::Number(0.0),
        margin,
        scope,
        unit: "1".into(),
        unit_scale: 1.0,
    }
}

const AT: Scope = Scope::At { confidence: 0.95, method: Method::Student };

// statsmodels TTestPower at a level of 0.025 to one side; the rest by integration with scipy
#[test]
fn powers() {
    let assumed = |difference| Assumed { difference, spread: 1.0 };
    let t = above_zero(AT, None);
    near(power_of(&t, assumed(1.0), 10, 1).unwrap(), 0.8030962086904041);
    near(power_of(&t, assumed(0.5), 20, 1).unwrap(), 0.5644828966786231);
    near(power_of(&t, assumed(0.2), 5, 1).unwrap(), 0.05407443058074868);
    assert_eq!(seeds_needed(&t, assumed(0.5), 1), Some(34));
    assert_eq!(seeds_needed(&t, assumed(1.0), 1), Some(10));
    assert_eq!(seeds_needed(&t, assumed(-0.5), 1), None);
    // A larger family needs more.
    assert!(seeds_needed(&t, assumed(1.0), 10) > Some(10));
    let equal = above_zero(AT, Some(1.0));
    near(power_of(&equal, assumed(0.2), 12, 1).unwrap(), 0.8164146632137285);
    // Of 40 seeds that each meet it with 97 %, whether more than 80 % do.
    let met = normal_quantile(0.97);
    let share = above_zero(Scope::Share { share: 0.8, confidence: 0.95 }, None);
    assert!((power_of(&share, assumed(met), 40, 1).unwrap() - 0.8821711334898776).abs() < 1e-6);
    near(power_of(&above_zero(Scope::EverySeed, None), assumed(met), 10, 1).unwrap(), 0.97f64.powi(10));
    let anytime = above_zero(Scope::At { confidence: 0.95, method: Method::Anytime }, None);
    assert!(power_of(&anytime, assumed(1.0), 10, 1).unwrap() < 0.8030962086904041);
}

#[test]
fn an_outlook_takes_what_runs_show() {
    let question = |e: Expectation| Question {
        hypothesis: "h".into(),
        text: None,
        statement: "s".into(),
        span: Span::default(),
        kind: QuestionKind::Expectation(e),
    };
    let questions = [question(above_zero(AT, None))];
    let all = outlook(&questions, &|_| 10, None);
    assert_eq!((all[0].power, all[0].needed), (None, None));
    // TTestPower().solve_power(nobs=10, alpha=0.025, power=0.8, alternative="larger")
    assert!((all[0].detectable.unwrap() - 0.9960023308203603).abs() < 1e-6);
    assert_eq!(
        all[0].sentence,
        "10 seeds find 1.00 standard deviations between seeds with 80 %; runs would tell how much that is"
    );
    let said = |e: Expectation| outlook(&[question(e)], &|_| 12, None).remove(0).sentence;
    // The margin at which the power of two one-sided tests is 80 %, and the share of 12 seeds out of 12.
    let equal = said(above_zero(AT, Some(0.1)));
    let margin: f64 = equal.rsplit("the margin is ").next().and_then(|t| t.split(' ').next()).unwrap().parse().unwrap();
    let assumed = Assumed { difference: 0.0, spread: 1.0 };
    assert!((power_of(&above_zero(AT, Some(margin)), assumed, 12, 1).unwrap() - 0.8).abs() < 0.01, "{equal}");
    assert_eq!(said(above_zero(Scope::EverySeed, None)), "12 seeds show it with 80 %, if a seed meets it with 98.2 %");
    let share = Scope::Share { share: 0.7, confidence: 0.95 };
    assert_eq!(said(above_zero(share, None)), "12 seeds show it with 80 %, if 98.2 % of all seeds meet it");
    let values: Vec<f64> = vec![0.3, 1.1, 0.4, -0.2, 0.9];
    let condition = ConditionTrace {
        seeds: (0..5).collect(),
        measures: vec![MeasureTrace {
            name: "m".into(),
            at: vec![0],
            values: values.iter().map(|x| vec![*x]).collect(),
            ..MeasureTrace::default()
        }],
        ..ConditionTrace::default()
    };
    let e = ExperimentTrace { name: "e".into(), conditions: vec![condition], ..ExperimentTrace::default() };
    let all = outlook(&questions, &|_| 10, Some(&Trace { experiments: vec![e], interrupted: false }));
    let assumed = Assumed { difference: 0.5, spread: statistics::deviation(&values).unwrap() };
    near(all[0].power.unwrap(), power_of(&above_zero(AT, None), assumed, 10, 1).unwrap());
    assert!(
        all[0].sentence.contains(" % at 10 seeds, if what 5 seeds showed is true; 80 % needs "),
        "{}",
        all[0].sentence
    );
}
