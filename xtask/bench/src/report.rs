//! What was measured, next to what must hold and what is aimed at.

use farthing_verifier::clock::Clock;

/// A figure and its bounds.
struct Line {
    what: String,
    measured: String,
    /// Set where the issue names a bound.
    judged: Option<Judged>,
}

struct Judged {
    value: f64,
    pass: f64,
    goal: f64,
    /// Whether more is better.
    rising: bool,
    unit: &'static str,
}

impl Judged {
    fn reaches(&self, bound: f64) -> bool {
        if self.rising { self.value >= bound } else { self.value <= bound }
    }

    fn verdict(&self) -> &'static str {
        match (self.reaches(self.pass), self.reaches(self.goal)) {
            (_, true) => "goal reached",
            (true, false) => "pass",
            (false, false) => "BELOW",
        }
    }
}

/// The figures so far.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The middle of the ratios of figures taken in the same rounds.
pub fn median_ratio(these: &[f64], those: &[f64]) -> f64 {
    let ratios: Vec<f64> = these.iter().zip(those).map(|(a, b)| a / b).collect();
    median(&ratios)
}

/// The middle half of these ratios: a quarter of them is below, a quarter above.
pub fn spread_of_ratios(these: &[f64], those: &[f64]) -> (f64, f64) {
    let mut ratios: Vec<f64> = these.iter().zip(those).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |place: usize| ratios.get(place).copied().unwrap_or(f64::NAN);
    (at(ratios.len() / 4), at((ratios.len() * 3) / 4))
}

impl Report {
    /// What the figures were taken on.
    pub fn machine(&mut self) {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
        let model =
            model.map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':']));
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!("{model}, {cores} cores; load generator and server share them");
        self.load("before");
    }

    /// The load average, since neighbours change absolute figures severalfold.
    pub fn load(&mut self, when: &str) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: Vec<&str> = load.split(' ').take(3).collect();
        println!("load average {when}: {}", load.join(" "));
    }

    /// A figure without a bound of its own.
    pub fn note(&mut self, what: &str, measured: String) {
        println!("  {what}: {measured}");
        self.lines.push(Line { what: what.into(), measured, judged: None });
    }

    /// A ratio or share that should rise to these bounds.
    pub fn at_least(&mut self, what: &str, measured: String, value: f64, (pass, goal): (f64, f64)) {
        let judged = Judged { value, pass, goal, rising: true, unit: "" };
        self.judge(what, measured, judged);
    }

    /// A figure that should stay below these bounds.
    pub fn at_most(
        &mut self,
        what: &str,
        measured: String,
        value: f64,
        (pass, goal): (f64, f64),
        unit: &'static str,
    ) {
        self.judge(what, measured, Judged { value, pass, goal, rising: false, unit });
    }

    fn judge(&mut self, what: &str, measured: String, judged: Judged) {
        println!("  {what}: {measured} ({})", judged.verdict());
        self.lines.push(Line { what: what.into(), measured, judged: Some(judged) });
    }

    /// Memory right after the start.
    pub fn idle_memory(&mut self, mib: f64) {
        self.at_most(
            "memory, idle",
            format!("{mib:.1} MiB"),
            mib,
            (30.0 / 1.048_576, 20.0),
            " MiB",
        );
    }

    /// Prints the table.
    pub fn finish(&mut self) {
        self.load("after");
        println!("\n| figure | measured | must hold | goal | |\n|---|---|---|---|---|");
        for line in &self.lines {
            let (pass, goal, verdict) = match &line.judged {
                None => (String::new(), String::new(), ""),
                Some(judged) => {
                    let sign = if judged.rising { "≥" } else { "≤" };
                    let show = |bound: f64| match judged.rising {
                        true => format!("{sign} {:.0} %", bound * 100.0),
                        false => format!("{sign} {bound:.3}{}", judged.unit).replace(".000", ""),
                    };
                    (show(judged.pass), show(judged.goal), judged.verdict())
                }
            };
            println!("| {} | {} | {pass} | {goal} | {verdict} |", line.what, line.measured);
        }
        let day = Clock::System.now().day();
        println!("\nTaken on day {day} since 1970 by farthing {}.", env!("CARGO_PKG_VERSION"));
    }

    /// Whether everything that must hold does.
    pub fn passes(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.judged).all(|judged| judged.reaches(judged.pass))
    }
}
