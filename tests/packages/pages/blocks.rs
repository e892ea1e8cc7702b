//! The blocks of a page, in their order.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::packages::root;

/// A page of the documentation.
pub(super) struct Page {
    /// As seen from the root of the repository.
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
    /// Commands that are indented and not in a fence.
    pub(super) indented: Vec<String>,
}

/// What is between two fences.
pub(super) struct Block {
    /// The heading that it is under.
    pub(super) heading: String,
    /// The first word behind the fence.
    pub(super) language: String,
    /// The file that the reader writes the block to: `file=NAME` behind the language.
    pub(super) file: Option<String>,
    pub(super) text: String,
    line: usize,
}

impl Block {
    pub(super) fn place(&self, page: &Page) -> String {
        format!("{}:{}", page.name, self.line)
    }
}

impl Page {
    pub(super) fn commands(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.language == "sh")
    }

    /// What a reader does from top to bottom, as one script that ends with the first failure.
    pub(super) fn script(&self) -> String {
        self.script_of(|_| true)
    }

    /// The same, of some headings.
    pub(super) fn script_of(&self, is_of_it: impl Fn(&str) -> bool) -> String {
        let mut script = String::new();
        for block in self.blocks.iter().filter(|block| is_of_it(&block.heading)) {
            let place = block.place(self);
            let text = &block.text;
            if let Some(file) = &block.file {
                let end = "END OF THE FILE";
                writeln!(script, "cat > {file} <<'{end}'\n{text}{end}").unwrap();
            } else if block.language == "sh" {
                write!(script, "place={place}; echo \"== $place\"\n{text}").unwrap();
            }
        }
        script
    }

    fn parse(name: &str, text: &str) -> Self {
        let mut page = Self { name: name.to_owned(), blocks: Vec::new(), indented: Vec::new() };
        let mut open: Option<(usize, Block)> = None;
        let mut after_blank = true;
        let mut heading = String::new();
        for (number, line) in text.lines().enumerate() {
            let bare = line.trim_start();
            let indent = line.len() - bare.len();
            match (&mut open, bare.strip_prefix("```")) {
                (None, Some(words)) => {
                    let mut words = words.split_whitespace();
                    let language = words.next().unwrap_or_default().to_owned();
                    let file = words.find_map(|word| word.strip_prefix("file="));
                    let file = file.map(str::to_owned).filter(|_| language != "text");
                    let text = String::new();
                    let (heading, line) = (heading.clone(), number + 1);
                    open = Some((indent, Block { heading, language, file, text, line }));
                }
                (Some(_), Some(_)) => page.blocks.extend(open.take().map(|(_, block)| block)),
                (Some((indent, block)), None) => {
                    block.text += line.get(*indent..).unwrap_or(bare);
                    block.text.push('\n');
                }
                // Deeper than a list in a list is indented here.
                (None, None) if after_blank && indent >= 4 => page.indented.push(line.to_owned()),
                (None, None) => {
                    let title = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#'));
                    heading = title.map_or(heading, |title| title.trim().to_owned());
                }
            }
            after_blank = bare.is_empty();
        }
        assert!(open.is_none(), "{name}: a fence is open at its end");
        page
    }
}

/// All pages that a user or a contributor reads.
pub(super) fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = docs.collect();
    paths.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name)));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            Page::parse(name, &fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// One page.
pub(super) fn page(name: &str) -> Page {
    pages().into_iter().find(|page| page.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_page_is_taken_apart() {
    let text = "# Do\n\n* This:\n\n  ```sh\n  a \\\n      b\n  ```\n\n\
                ```yaml file=c.yaml\nk: v\n```\n\n    d\n";
    let page = Page::parse("p.md", text);
    assert_eq!(page.indented, ["    d"]);
    let [sh, yaml] = page.blocks.as_slice() else { panic!("two blocks") };
    assert_eq!((sh.language.as_str(), sh.text.as_str()), ("sh", "a \\\n    b\n"));
    assert_eq!(sh.heading, "Do");
    assert_eq!((yaml.file.as_deref(), yaml.text.as_str()), (Some("c.yaml"), "k: v\n"));
    let script = page.script();
    assert!(script.starts_with("place=p.md:5;") && script.contains("cat > c.yaml"), "{script}");
}
