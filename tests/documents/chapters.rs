//! The parts of documents that share a cluster and a shell, and how each is gone through.

use std::collections::BTreeSet;

use tokio::runtime::Handle;

use crate::blocks::{Block, Language};
use crate::marks::{Clause, Mark};
use crate::objects;
use crate::world::World;

/// A part of a document.
pub struct Chapter {
    blocks: Vec<Block>,
    /// The namespaces of a cluster that is new; otherwise one is set up.
    new_cluster: Option<Vec<String>>,
}

/// Splits blocks, which stand in order, into chapters.
pub fn of(blocks: Vec<Block>) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for block in blocks {
        let new_cluster = match &block.mark {
            Mark::Run(clauses) => clauses.iter().find_map(|clause| match clause {
                Clause::NewCluster(namespaces) => Some(namespaces.clone()),
                _ => None,
            }),
            Mark::By(_) | Mark::Not(_) => continue,
        };
        match chapters.last_mut() {
            Some(chapter) if new_cluster.is_none() && chapter.document() == block.document => chapter.blocks.push(block),
            _ => chapters.push(Chapter { blocks: vec![block], new_cluster }),
        }
    }
    chapters
}

impl Chapter {
    /// Where it begins.
    pub fn place(&self) -> String {
        self.blocks[0].place()
    }

    fn document(&self) -> &str {
        &self.blocks[0].document
    }
}

/// Goes through a chapter until its end, or until a block fails.
pub fn run(chapter: &Chapter, groups: &BTreeSet<String>, handle: &Handle) -> Result<(), String> {
    let mut world = World::new(chapter.new_cluster.as_deref(), groups, handle);
    for block in &chapter.blocks {
        let done = match block.language {
            Language::Sh => {
                let consents = match &block.mark {
                    Mark::Run(clauses) => clauses.iter().find_map(|clause| match clause {
                        Clause::Consents(name) => Some(name.as_str()),
                        _ => None,
                    }),
                    Mark::By(_) | Mark::Not(_) => None,
                };
                world.run(&block.text, consents)
            }
            Language::Yaml => objects::apply(block, &world.folder()),
        };
        done.map_err(|what| format!("{}:\n{}\n{what}", block.place(), block.text))?;
    }
    Ok(())
}
