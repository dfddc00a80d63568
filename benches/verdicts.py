"""Whether Trine's verdicts are those of scipy.stats and statsmodels, on generated experiments.

    cargo build --release && python3 benches/verdicts.py
    python3 benches/verdicts.py --trine target/debug/trine --cases 10

Every case is a spec with fourteen expectations at a confidence and a report with random values, handed to `trine judge`. For
each expectation the p, the interval, Holm's p and the verdict are computed here, by scipy, statsmodels and, for e-values,
by numerical integration. They agree to eight figures; the bootstrap, whose resamples differ, to a tenth of the
interval's width. scipy and statsmodels are installed once, into `.bench/statistics`.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from common import TINY, inside, program

NEEDS = ["scipy>=1.13", "statsmodels>=0.14"]

SPEC = """language 0.1

use std.tasks: digits
use std.rules: backprop

architecture net(x: [n], hidden: Nat, classes: Nat) {{
  population h: [hidden] = tanh(dense(x))
  output z: [classes] = dense(h)
}}

experiment e {{
  task = digits()
  architecture = net(task.image, hidden = vary {{2, 4, 8, 16}}, classes = 10)
  objective = minimize cross_entropy(z, task.label)
  rule = backprop(sgd(0.1))
  train = 1 epochs
  seeds = {seeds}

  measure m = mean(z) on test, every epoch
  measure k = mean(h) on test, every epoch
}}

experiment f {{
  task = digits()
  architecture = net(task.image, hidden = 4, classes = 10)
  objective = minimize cross_entropy(z, task.label)
  rule = backprop(sgd(0.2))
  train = 1 epochs
  seeds = {others}

  measure m = mean(z) on test, every epoch
}}

hypothesis all {{
{body}
}}
"""


def main():
    words = arguments()
    if words.tiny:
        verdicts = Case(0).judged(words.trine)
        assert len(verdicts) == 14 and all(0 <= v["p"] <= 1 for v in verdicts), verdicts
        print("14 verdicts of 1 case, compared with nothing")
        return
    inside("statistics", NEEDS)
    faults, compared = [], 0
    for number in range(words.cases):
        made = Case(number)
        verdicts = made.judged(words.trine)
        wanted = made.wanted()
        for verdict, want in zip(verdicts, wanted, strict=True):
            compared += 1
            faults += [f"case {number}: {verdict['statement']}: {fault}" for fault in differences(verdict, want)]
        sys.stderr.write(f"\r{number + 1} of {words.cases} cases")
    sys.stderr.write("\n")
    print("\n".join(faults) or f"{compared} verdicts of {words.cases} cases agree with scipy and statsmodels")
    sys.exit(1 if faults else 0)


def arguments():
    parser = argparse.ArgumentParser(description="Verdicts beside those of scipy.stats and statsmodels.")
    parser.add_argument("--cases", type=int, default=60, help="generated experiments (60)")
    parser.add_argument("--trine", type=Path, help="the trine program (that of the release build)")
    parser.add_argument("--tiny", action="store_true", help=TINY)
    words = parser.parse_args()
    words.trine = program(words.trine)
    return words


class Case:
    """Random values of two experiments, and what is asked of them."""

    def __init__(self, number):
        self.number = number
        dice = random.Random(number)
        self.seeds, self.others = dice.randint(10, 30), dice.randint(5, 30)

        def drawn(one, seeds):
            return [one() for _ in range(seeds)]

        def normal():
            return dice.gauss(0, 1)

        effect = dice.choice([0.0, 0.3, 1.0, 2.0])
        level = drawn(normal, self.seeds)
        self.m = [[x + normal() + effect * i * 0.5 for x in level] for i in range(4)]
        self.k = [[0.5 * x + dice.expovariate(1) - effect * i for x in level] for i in range(4)]
        spread = dice.uniform(0.5, 3)
        self.other = [spread * normal() - effect for _ in range(self.others)]
        self.bound = round(0.5 * normal(), 3)
        self.margin = round(dice.uniform(0.3, 2.5), 3)
        self.rho = round(dice.uniform(-0.5, 0.5), 3)

    def body(self):
        a, b = "last(e.m[4])", "last(e.m[2])"
        return [
            f"mean({a}) > {self.bound} at 95 %",
            f"mean({a}) > mean({b}) at 95 %",
            f"mean({a}) < mean({b}) + {self.margin} at 95 %",
            f"mean({a}) > mean(last(f.m)) at 95 %, unpaired",
            f"mean({a}) == mean({b}) within {self.margin} at 95 %",
            f"mean({a}) == mean(last(f.m)) within {self.margin} at 95 %, unpaired",
            f"{a} > {self.bound} in at least 60 % of seeds at 95 %",
            "mean(trend(e.hidden, last(e.m))) > 0 at 95 %",
            f"correlation({a}, last(e.k[4])) > 0 at 95 %",
            f"correlation({a}, last(e.k[4])) > {self.rho} at 95 %",
            f"slope({a}, last(e.k[4])) > {self.bound} at 95 %",
            f"mean(slope(log(e.hidden), last(e.m))) > {self.bound} at 95 %",
            f"mean(last(e.k[2])) > {self.bound} at 95 %, by bootstrap",
            f"mean({a}) > mean({b}) at 95 %, anytime",
        ]

    def judged(self, trine):
        def measure(values):
            return {"unit": "1", "on": "test", "every": "epoch", "at": [1], "values": [[float(x)] for x in values]}

        def condition(measures, seeds):
            return {"name": "", "settings": {}, "seeds": list(range(seeds)), "measures": measures}

        arms = [condition({"m": measure(m), "k": measure(k)}, self.seeds) for m, k in zip(self.m, self.k, strict=True)]
        other = [condition({"m": measure(self.other)}, self.others)]
        experiments = [{"name": "e", "conditions": arms}, {"name": "f", "conditions": other}]
        with tempfile.TemporaryDirectory() as folder:
            spec, report = Path(folder) / "case.trine", Path(folder) / "report.json"
            body = "\n".join(f"  expect {line}" for line in self.body())
            spec.write_text(SPEC.format(seeds=self.seeds, others=self.others, body=body))
            report.write_text(json.dumps({"schema": "trine-report/1", "experiments": experiments}))
            words = [str(trine), "judge", str(spec), str(report), "--format", "json", "-q"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            sys.exit(f"trine judge ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)["hypotheses"]

    def wanted(self):
        """Of every expectation: estimate, interval, p, on which side it lies, and how near the interval has to be."""
        import numpy
        from statsmodels.stats.multitest import multipletests

        self.m, self.k = [numpy.array(m) for m in self.m], [numpy.array(k) for k in self.k]
        self.other, self.random = numpy.array(self.other), numpy.random.default_rng(self.number)
        found = [
            *self.of_means(),
            *self.of_equality(),
            self.of_share(),
            self.of_trend(),
            *self.over_seeds(),
            self.of_slopes(),
            self.of_bootstrap(),
            self.of_evidence(),
        ]
        adjusted = multipletests([f["p"] for f in found], method="holm")[1]
        return [f | {"adjusted": p} for f, p in zip(found, adjusted, strict=True)]

    def of_means(self):
        from scipy import stats

        a, b = self.m[1], self.m[0]
        one = stats.ttest_1samp(a, self.bound)
        two = stats.ttest_rel(a, b)
        margin = stats.ttest_1samp(a - b, self.margin)
        welch = stats.ttest_ind(a, self.other, equal_var=False)
        yield row(a.mean(), one.confidence_interval(0.95), one.pvalue, a.mean() > self.bound)
        yield row((a - b).mean(), two.confidence_interval(0.95), two.pvalue, a.mean() > b.mean())
        yield row((a - b).mean(), margin.confidence_interval(0.95), margin.pvalue, (a - b).mean() < self.margin)
        mean = a.mean() - self.other.mean()
        yield row(mean, welch.confidence_interval(0.95), welch.pvalue, mean > 0)

    def of_equality(self):
        from scipy import stats
        from statsmodels.stats.weightstats import ttost_ind, ttost_paired

        a, b, m = self.m[1], self.m[0], self.margin
        d = (a - b).mean()
        p = ttost_paired(a, b, -m, m)[0] if abs(d) < m else stats.ttest_1samp(a - b, m if d > 0 else -m).pvalue
        yield row(d, stats.ttest_rel(a, b).confidence_interval(0.9), p, abs(d) < m)
        d = a.mean() - self.other.mean()
        if abs(d) < m:
            p = ttost_ind(a, self.other, -m, m, usevar="unequal")[0]
        else:
            p = stats.ttest_ind(a - (m if d > 0 else -m), self.other, equal_var=False).pvalue
        interval = stats.ttest_ind(a, self.other, equal_var=False).confidence_interval(0.9)
        yield row(d, interval, p, abs(d) < m)

    def of_share(self):
        from scipy import stats

        met = int((self.m[1] > self.bound).sum())
        tails = [stats.binomtest(met, self.seeds, 0.6, alternative=side).pvalue for side in ("greater", "less")]
        interval = stats.binomtest(met, self.seeds, 0.6).proportion_ci(0.95, "exact")
        share = met / self.seeds
        return row(share, interval, min(1, 2 * min(tails)), share > 0.6)

    def of_trend(self):
        import numpy
        from scipy import stats

        data = numpy.array(self.m).T
        # As in Trine: counted out up to 20 seeds, normal beyond.
        method = "exact" if self.seeds <= 20 else "asymptotic"
        up = stats.page_trend_test(data, method=method).pvalue
        down = stats.page_trend_test(-data, method=method).pvalue
        rho = numpy.mean([stats.spearmanr(range(4), seed).statistic for seed in data])
        return row(rho, None, min(1, 2 * min(up, down)), rho > 0)

    def over_seeds(self):
        import numpy
        from scipy import stats

        x, y = self.m[1], self.k[1]
        r = stats.pearsonr(x, y)
        interval = r.confidence_interval(0.95)
        yield row(r.statistic, interval, r.pvalue, r.statistic > 0)
        z = (numpy.arctanh(r.statistic) - numpy.arctanh(self.rho)) * (self.seeds - 3) ** 0.5
        yield row(r.statistic, interval, 2 * stats.norm.sf(abs(z)), r.statistic > self.rho)
        line = stats.linregress(x, y)
        reach = stats.t.ppf(0.975, self.seeds - 2) * line.stderr
        p = 2 * stats.t.sf(abs((line.slope - self.bound) / line.stderr), self.seeds - 2)
        yield row(line.slope, (line.slope - reach, line.slope + reach), p, line.slope > self.bound)

    def of_slopes(self):
        import numpy
        from scipy import stats

        x = numpy.log([2, 4, 8, 16])
        slopes = numpy.array([stats.linregress(x, seed).slope for seed in numpy.array(self.m).T])
        test = stats.ttest_1samp(slopes, self.bound)
        return row(slopes.mean(), test.confidence_interval(0.95), test.pvalue, slopes.mean() > self.bound)

    def of_bootstrap(self):
        import numpy
        from scipy import stats

        x, n = self.k[0], self.seeds

        def interval(confidence):
            wide = 2 * stats.norm.cdf((n / (n - 1)) ** 0.5 * stats.t.ppf(0.5 + confidence / 2, n - 1)) - 1
            found = stats.bootstrap((x,), numpy.mean, confidence_level=wide, n_resamples=20000, random_state=self.random)
            return found.confidence_interval

        # The level at which it begins to leave out the bound, by bisection.
        low, high = 0.0, 0.9999
        ends = interval(0.95)
        result = row(x.mean(), ends, None, x.mean() > self.bound)
        resamples = numpy.sort(self.random.choice(x, (40000, n)).mean(axis=1))
        bias = stats.norm.ppf((resamples < x.mean()).mean())
        d = x - x.mean()
        skew = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
        for _ in range(40):
            middle = (low + high) / 2
            wide = 2 * stats.norm.cdf((n / (n - 1)) ** 0.5 * stats.t.ppf(0.5 + middle / 2, n - 1)) - 1
            edges = []
            for z in stats.norm.ppf([(1 - wide) / 2, (1 + wide) / 2]):
                moved = bias + z
                edges.append(numpy.quantile(resamples, stats.norm.cdf(bias + moved / (1 - skew * moved))))
            if edges[0] < self.bound < edges[1]:
                high = middle
            else:
                low = middle
        return result | {"p": 1 - low, "rough": True}

    def of_evidence(self):
        from scipy import integrate, stats

        d, n = self.m[1] - self.m[0], self.seeds
        error = d.std(ddof=1) / n**0.5

        def e_value(t):
            """The t density averaged over effects, beside that without one."""
            def weighed(effect):
                return stats.norm.pdf(effect) * stats.nct.pdf(t, n - 1, effect * n**0.5)

            centre = t / n**0.5
            return integrate.quad(weighed, centre - 9, centre + 9, points=[centre], limit=400)[0] / stats.t.pdf(t, n - 1)

        p = min(1, 1 / e_value(d.mean() / error))
        low, high = 0.0, 50.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if e_value(middle) < 20 else (low, middle)
        interval = (d.mean() - low * error, d.mean() + low * error)
        return row(d.mean(), interval, p, d.mean() > 0) | {"figures": 1e-6}


def row(estimate, interval, p, met):
    ends = None if interval is None else (float(interval[0]), float(interval[1]))
    return {"estimate": float(estimate), "interval": ends, "p": p, "met": bool(met)}


def differences(verdict, want):
    """What of a verdict is not as it should be."""
    figures = want.get("figures", 1e-8)
    rough = want.get("rough", False)

    def near(a, b, scale):
        return abs(a - b) <= figures * max(abs(b), scale)

    if not near(verdict["estimate"], want["estimate"], 1e-3):
        yield f"estimate {verdict['estimate']} is not {want['estimate']}"
    if (verdict["interval"] is None) != (want["interval"] is None):
        yield f"interval {verdict['interval']} is not {want['interval']}"
    elif want["interval"]:
        width = want["interval"][1] - want["interval"][0]
        for a, b in zip(verdict["interval"], want["interval"], strict=True):
            if not (abs(a - b) <= 0.1 * width if rough else near(a, b, 1e-3)):
                yield f"interval {verdict['interval']} is not {want['interval']}"
    if rough:
        # Both are at least one over the number of resamples.
        if abs(verdict["p"] - want["p"]) > 0.02 + 0.25 * want["p"]:
            yield f"p {verdict['p']} is not {want['p']}"
        return
    for name, key in (("p", "p"), ("p_adjusted", "adjusted")):
        # The adjusted p of others may hang on that of the bootstrap.
        if key == "p" and not near(verdict[name], want[key], 1e-12 / figures):
            yield f"{name} {verdict[name]} is not {want[key]}"
        if key == "adjusted" and abs(verdict[name] - want[key]) > 1e-6 + 0.2 * want[key]:
            yield f"{name} {verdict[name]} is not {want[key]}"
    if abs(want["adjusted"] - 0.05) > 0.01:
        expected = "inconclusive" if want["adjusted"] >= 0.05 else "supported" if want["met"] else "refuted"
        if verdict["verdict"] != expected:
            yield f"{verdict['verdict']}, and p is {want['adjusted']} ({expected})"


if __name__ == "__main__":
    main()
