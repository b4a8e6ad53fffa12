//! `skills/list`, `skills/get` and `resources/directory/read` (SEP-2640).

use shared::mcp::{
    DirectoryParams, GetSkillResult, Head, ListParams, ListSkillsResult, ReadDirectoryResult,
    ServerResult, UriParams,
};

use super::{Inner, Refusal};
use crate::listing::{PAGE, page};

impl<S> Inner<S> {
    pub(super) fn list_skills(&self, params: &ListParams) -> Result<ServerResult, Refusal> {
        let (skills, next_cursor) =
            page(self.catalog.skills.entries().into_iter(), PAGE, params.cursor.as_deref())?;
        let list = ListSkillsResult { skills, next_cursor, ..ListSkillsResult::default() };
        Ok(ServerResult::ListSkills(list))
    }

    pub(super) fn get_skill(&self, UriParams { uri }: &UriParams) -> Result<ServerResult, Refusal> {
        let unknown = || Refusal::InvalidParams(format!("No skill is served at {uri}"));
        let skill = self.catalog.skills.named(uri).ok_or_else(unknown)?;
        let result = GetSkillResult { head: Head::default(), skill, cache: None };
        Ok(ServerResult::GetSkill(Box::new(result)))
    }

    pub(super) fn read_directory(&self, params: &DirectoryParams) -> Result<ServerResult, Refusal> {
        let DirectoryParams { uri, cursor } = params;
        let none = || Refusal::InvalidParams(format!("No directory is served at {uri}"));
        let children = self.catalog.skills.children(uri).ok_or_else(none)?;
        let (resources, next_cursor) = page(children.into_iter(), PAGE, cursor.as_deref())?;
        Ok(ServerResult::ReadDirectory(ReadDirectoryResult {
            resources,
            next_cursor,
            ..ReadDirectoryResult::default()
        }))
    }
}
