//! The skills. The suite takes what it finds; these have a directory, one within it, and a skill
//! within a skill.

use mcp_core::{Catalog, Skill};

use crate::App;

pub(crate) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog.skill(pdf_forms()).skill(merging())
}

fn pdf_forms() -> Skill {
    Skill::at("pdf-forms")
        .file("SKILL.md", include_bytes!("../skills/pdf-forms/SKILL.md"))
        .file("fields.json", include_bytes!("../skills/pdf-forms/fields.json"))
        .file("templates/invoice.md", include_bytes!("../skills/pdf-forms/templates/invoice.md"))
        .file(
            "templates/letters/reminder.md",
            include_bytes!("../skills/pdf-forms/templates/letters/reminder.md"),
        )
}

fn merging() -> Skill {
    Skill::at("pdf-forms/merging")
        .file("SKILL.md", include_bytes!("../skills/pdf-forms/merging/SKILL.md"))
}
