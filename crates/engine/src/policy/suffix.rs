//! Public suffixes: `com`, `co.uk`, what names are registered under.
//!
//! Only the ICANN section of the [Public Suffix List](https://publicsuffix.org/list/) counts here: with the private
//! section, `google.github.io` would match `google.*`. The crate's own look-up knows both sections and does not tell
//! them apart, its table does.

use std::sync::LazyLock;

use public_suffix::{ListProvider, PublicSuffixList, Table};
use rustc_hash::FxHashMap;

/// The suffix of a name in lower-case A-labels, without a trailing dot. An unlisted top-level domain is a suffix by the
/// list's default rule.
pub(super) fn public_suffix(name: &str) -> &str {
    let label = last_label(name);
    match TOP_LEVEL.get(label) {
        Some(top) if top.has_suffixes_below => suffix_below(name, label, &top.children),
        _ => label,
    }
}

/// The suffix of a name that ends in a top-level domain with suffixes below it.
fn suffix_below<'n>(name: &'n str, top_level: &'n str, children: &Children) -> &'n str {
    let mut suffix = top_level;
    let mut children = *children;
    let mut rest = name;
    while let Some((before, _)) = rest.rsplit_once('.') {
        rest = before;
        let label = last_label(rest);
        let from_here = &name[rest.len() - label.len()..];
        // A wildcard stands for every label below it, so that what follows is an exception to it or a rule of its own.
        if children.has_wildcard {
            suffix = from_here;
        }
        let Some(node) = children.find(label).filter(|node| node.is_icann) else { return suffix };
        match node.kind {
            Kind::Rule => suffix = from_here,
            Kind::Exception => return from_here.split_once('.').map_or(from_here, |(_, parent)| parent),
            Kind::Inner => {}
        }
        children = node.children;
    }
    suffix
}

/// The top-level domains, which every look-up begins with: most are found here, and have nothing below them.
static TOP_LEVEL: LazyLock<FxHashMap<&'static str, TopLevel>> = LazyLock::new(|| {
    let nodes = &List::NODES[..List::NUM_TLD as usize];
    nodes.iter().map(|node| (text(*node), TopLevel::of(Node::unpack(*node)))).collect()
});

struct TopLevel {
    children: Children,
    /// Within the ICANN section.
    has_suffixes_below: bool,
}

impl TopLevel {
    fn of(Node { is_icann, children, .. }: Node) -> Self {
        let has_suffixes_below = is_icann && (children.has_wildcard || children.nodes().any(|node| node.is_icann));
        Self { children, has_suffixes_below }
    }
}

fn last_label(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, label)| label)
}

/// The labels that may stand before another.
#[derive(Clone, Copy)]
struct Children {
    first: u32,
    end: u32,
    has_wildcard: bool,
}

struct Node {
    kind: Kind,
    is_icann: bool,
    children: Children,
}

enum Kind {
    Rule,
    /// A name that a wildcard does not hold for.
    Exception,
    /// No rule itself: there are rules below.
    Inner,
}

impl Children {
    fn nodes(&self) -> impl Iterator<Item = Node> {
        List::NODES[self.first as usize..self.end as usize].iter().map(|node| Node::unpack(*node))
    }

    fn find(&self, label: &str) -> Option<Node> {
        let nodes = &List::NODES[self.first as usize..self.end as usize];
        nodes.binary_search_by(|node| text(*node).cmp(label)).ok().map(|at| Node::unpack(nodes[at]))
    }
}

impl Node {
    fn unpack(node: u32) -> Self {
        let mut fields = Fields(node);
        fields.take(List::NODES_BITS_TEXT_LENGTH + List::NODES_BITS_TEXT_OFFSET);
        let is_icann = fields.take(List::NODES_BITS_ICANN) != 0;
        let mut fields = Fields(List::CHILDREN[fields.take(List::NODES_BITS_CHILDREN) as usize]);
        let first = fields.take(List::CHILDREN_BITS_LO);
        let end = fields.take(List::CHILDREN_BITS_HI);
        let kind = match fields.take(List::CHILDREN_BITS_NODE_TYPE) {
            List::NODE_TYPE_NORMAL => Kind::Rule,
            List::NODE_TYPE_EXCEPTION => Kind::Exception,
            _ => Kind::Inner,
        };
        let has_wildcard = fields.take(List::CHILDREN_BITS_WILDCARD) != 0;
        Self { kind, is_icann, children: Children { first, end, has_wildcard } }
    }
}

/// The label of a node.
fn text(node: u32) -> &'static str {
    let mut fields = Fields(node);
    let length = fields.take(List::NODES_BITS_TEXT_LENGTH) as usize;
    let offset = fields.take(List::NODES_BITS_TEXT_OFFSET) as usize;
    &List::TEXT[offset..][..length]
}

/// Numbers that are packed into one, the first in the lowest bits.
struct Fields(u32);

impl Fields {
    fn take(&mut self, bits: u32) -> u32 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        value
    }
}

/// The table within the crate's list.
type List = <PublicSuffixList as HasTable>::Table;

trait HasTable {
    type Table: Table;
}

impl<T: Table> HasTable for ListProvider<T> {
    type Table = T;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_is_what_the_icann_section_says() {
        let cases = [
            ("example.com", "com"),
            ("com", "com"),
            ("www.example.co.uk", "co.uk"),
            ("example.unlisted", "unlisted"),
            ("shop.example.kawasaki.jp", "example.kawasaki.jp"),
            ("www.city.kawasaki.jp", "kawasaki.jp"),
            ("a.b.ck", "b.ck"),
            ("www.ck", "ck"),
            ("a.www.ck", "ck"),
            ("google.github.io", "io"),
            ("a.blogspot.com", "com"),
            ("a.s3.amazonaws.com.cn", "com.cn"),
            ("example.xn--p1ai", "xn--p1ai"),
            ("a.xn--55qx5d.cn", "xn--55qx5d.cn"),
        ];
        for (name, suffix) in cases {
            assert_eq!(public_suffix(name), suffix, "{name}");
        }
    }
}
