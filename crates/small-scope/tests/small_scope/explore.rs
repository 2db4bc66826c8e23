//! Breadth first through every state within a scope, so that the first trace that breaks a promise is a shortest one.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::canonical::{Key, form};
use crate::events::{Event, Kind, Scope, apply, possible};
use crate::promises::{calm, calm_with, check_state, trouble, trouble_with};
use crate::world::World;

/// What came of a search.
#[derive(Default)]
pub struct Found {
    /// How many states were seen, those that differ only in what may still happen counted once.
    pub states: usize,
    /// How many ways from one to the next were gone.
    pub ways: usize,
    /// The first broken promise for each set of kinds of events that leads to it, with its trace.
    pub broken: Vec<Broken>,
}

pub struct Broken {
    pub promise: String,
    pub kinds: BTreeSet<Kind>,
    pub trace: String,
}

struct Search {
    /// How each state was reached: from which one, by what.
    reached: Vec<(u32, Event)>,
    starts: Vec<World>,
    found: Found,
    /// Those that are printed; a search for faults prints more than the first.
    most_broken: usize,
}

/// Searches the whole scope, until as many promises are broken as are wanted to be told of.
pub fn explore(scope: &Scope, most_broken: usize) -> Found {
    let mut search = Search { reached: Vec::new(), starts: Vec::new(), found: Found::default(), most_broken };
    let mut seen: HashMap<Key, ()> = HashMap::new();
    let mut worlds: HashSet<Key> = HashSet::new();
    let mut fine: HashSet<Key> = HashSet::new();
    let mut calmed: HashSet<Key> = HashSet::new();
    let mut frontier: Vec<(u32, World)> = Vec::new();
    for word in &scope.starts {
        let world = World::new(scope, *word);
        let index = u32::try_from(search.starts.len()).unwrap();
        search.starts.push(world.clone());
        search.reached.push((index, Event::Due));
        seen.insert(form(&world, true), ());
        frontier.push((index, world));
    }
    while !frontier.is_empty() && search.found.broken.len() < most_broken {
        let mut next = Vec::new();
        for (index, world) in frontier {
            for event in possible(&world, scope) {
                let mut after = world.clone();
                apply(&mut after, event);
                search.found.ways += 1;
                if seen.insert(form(&after, true), ()).is_some() {
                    continue;
                }
                let reached = u32::try_from(search.reached.len()).unwrap();
                search.reached.push((index, event));
                check_state(&mut after);
                if let Some(promise) = after.broken.clone() {
                    search.tell(reached, promise, None);
                    continue;
                }
                let mut is_broken = false;
                if worlds.insert(form(&after, false)) {
                    for survivor in 0..after.replicas.len() {
                        let outcome = calm(&after, survivor, &mut fine).and_then(|()| {
                            let lasts = after.refuses_writes && calmed.insert(form(&after, false));
                            if lasts { trouble(&after, survivor) } else { Ok(()) }
                        });
                        if let Err(promise) = outcome {
                            is_broken = true;
                            search.tell(reached, promise, Some(survivor));
                            break;
                        }
                    }
                }
                if !is_broken {
                    next.push((reached, after));
                }
            }
        }
        frontier = next;
        if std::env::var_os("TWINCONSENT_SCOPE_PROGRESS").is_some() {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "  {} states, {} ways, {} to go on from", worlds.len(), search.found.ways, frontier.len());
        }
    }
    search.found.states = worlds.len();
    search.found
}

impl Search {
    fn events(&self, reached: u32) -> (usize, Vec<Event>) {
        let (mut at, mut events) = (reached as usize, Vec::new());
        while at >= self.starts.len() {
            let (from, event) = self.reached[at];
            events.push(event);
            at = from as usize;
        }
        events.reverse();
        (at, events)
    }

    fn tell(&mut self, reached: u32, promise: String, survivor: Option<usize>) {
        let (start, events) = self.events(reached);
        let kinds: BTreeSet<Kind> = events.iter().filter_map(|event| event.kind()).collect();
        let name = |promise: &str| promise.split([':', ' ']).take(2).collect::<Vec<_>>().join(" ");
        let is_known = |broken: &Broken| name(&broken.promise) == name(&promise) && broken.kinds.is_subset(&kinds);
        if self.found.broken.len() >= self.most_broken || self.found.broken.iter().any(is_known) {
            return;
        }
        let mut replayed = self.starts[start].clone();
        replayed.log = Some(vec![format!("start: HeyGen says {:?}", replayed.heygen.word)]);
        for event in events {
            replayed.note(|_| event.to_string());
            apply(&mut replayed, event);
        }
        if let Some(survivor) = survivor {
            replayed.note(|_| format!("== from here on replica {survivor} goes on alone, and nothing disturbs it"));
            let _ = calm_with(&mut replayed, survivor, &mut HashSet::new()).and_then(|()| trouble_with(&mut replayed, survivor));
        }
        replayed.note(|world| format!("→ {promise}; then {}", world.summary()));
        let trace = replayed.log.unwrap_or_default().join("\n");
        self.found.broken.push(Broken { promise, kinds, trace });
    }
}
