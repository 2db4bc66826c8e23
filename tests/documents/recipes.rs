//! The recipes of `kubectl wait` in docs/gitops.md, as they stand there, in bash.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use heygen_simulator::{Control, GroupDefinition};
use tokio::runtime::Runtime;

use crate::jobs::{until, until_polled, until_reason};
use crate::world::World;

/// The group of `ada` on that page; those of others have their name in its place.
const GROUP: &str = "5f2c8e0b9d3a4c71ada";

#[test]
fn a_pipeline_waits_for_the_object_and_then_for_the_person() {
    let (runtime, groups) = (Runtime::new().unwrap(), BTreeSet::new());
    let mut world = World::new(None, &groups, runtime.handle());
    let mut pipeline = Pipeline::start(&mut world, &recipe(0));
    let cluster = world.cluster();
    cluster.heygen.create_group(GroupDefinition::twin(GROUP)).unwrap();
    cluster.plane.apply(&consent("ada", GROUP, "readyWhen: Initiated")).unwrap();
    until_reason(&cluster.plane, "ada", "True", "AwaitingApproval");
    until_polled(&cluster.heygen, GROUP);
    assert!(pipeline.is_waiting(), "it did not wait for the person");
    cluster.heygen.approve(GROUP).unwrap();
    assert!(pipeline.succeeds());
}

#[test]
fn a_pipeline_that_waits_for_either_answer_lets_nothing_through_but_a_consent_to_this_twin() {
    let (runtime, groups) = (Runtime::new().unwrap(), BTreeSet::new());
    let mut world = World::new(None, &groups, runtime.handle());
    // Whether it succeeds in the end, and what stands in the spec besides the group.
    let people = [("ada", true, "readyWhen: Initiated"), ("bob", false, "readyWhen: Initiated"), ("cleo", false, "")];
    let group = |name: &str| GROUP.replace("ada", name);
    let mut pipelines = Vec::new();
    for (name, succeeds, besides) in people {
        let cluster = world.cluster();
        for group in [group(name), format!("{name}-other")] {
            cluster.heygen.create_group(GroupDefinition::twin(group)).unwrap();
        }
        // Of cleo it is another group that is approved.
        let named = if name == "cleo" { "cleo-other".to_owned() } else { group(name) };
        cluster.plane.apply(&consent(name, &named, besides)).unwrap();
        until_reason(&cluster.plane, name, if besides.is_empty() { "False" } else { "True" }, "AwaitingApproval");
        pipelines.push((name, succeeds, named, Pipeline::start(&mut world, &recipe(1).replace("ada", name))));
    }
    let heygen: &Control = &world.cluster().heygen;
    for (name, _, group, pipeline) in &mut pipelines {
        until_polled(heygen, group);
        assert!(pipeline.is_waiting(), "that of {name} did not wait for the person");
    }
    for (name, _, group, _) in &pipelines {
        let answered = if *name == "bob" { heygen.reject(group) } else { heygen.approve(group) };
        answered.unwrap();
    }
    for (name, succeeds, _, pipeline) in &mut pipelines {
        assert_eq!(pipeline.succeeds(), *succeeds, "{name}");
    }
}

/// A block of commands below the heading about `kubectl wait`.
fn recipe(number: usize) -> String {
    let page = include_str!("../../docs/gitops.md");
    let section = page.split("\n## ").find(|section| section.starts_with("kubectl wait\n")).unwrap();
    let block = section.split("```sh\n").nth(number + 1).and_then(|rest| rest.split("```").next());
    block.unwrap_or_else(|| panic!("there is no recipe {number}")).to_owned()
}

fn consent(name: &str, group: &str, besides: &str) -> String {
    format!(
        "apiVersion: twinconsent.io/v1alpha1\nkind: DigitalTwinConsent\nmetadata: {{name: {name}}}\nspec:\n  groupID: {group}\n  {besides}\n"
    )
}

/// A recipe that runs.
struct Pipeline {
    bash: Child,
}

impl Pipeline {
    fn start(world: &mut World, recipe: &str) -> Self {
        Self { bash: world.bash(recipe).stdout(Stdio::null()).spawn().unwrap() }
    }

    fn is_waiting(&mut self) -> bool {
        self.bash.try_wait().unwrap().is_none()
    }

    fn succeeds(&mut self) -> bool {
        let mut ended = None;
        until("the pipeline ends", || {
            ended = self.bash.try_wait().unwrap();
            if ended.is_some() { Ok(()) } else { Err("it waits".to_owned()) }
        });
        ended.unwrap().success()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}
