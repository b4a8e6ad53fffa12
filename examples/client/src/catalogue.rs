//! What is listed: prompts, resources and templates, each filled in with what the server suggests.

use serde_json::{Map, Value, json};

use crate::{
    Result, say,
    tour::{Server, beginning, names},
};

/// Every prompt.
pub(crate) async fn prompts(server: &mut Server) -> Result<()> {
    let listed = server.list("prompts/list", "prompts").await?;
    say(format_args!("Prompts: {}", names(&listed, "name")));
    for prompt in &listed {
        let mut arguments = Map::new();
        let wanted = prompt["arguments"].as_array().into_iter().flatten();
        for name in wanted.filter_map(|argument| argument["name"].as_str()) {
            let of = json!({ "type": "ref/prompt", "name": prompt["name"] });
            let value = completed(server, &of, name, &arguments).await?;
            arguments.insert(name.to_owned(), value.into());
        }
        let params = json!({ "name": prompt["name"], "arguments": arguments });
        let got = server.call("prompts/get", params).await?;
        let messages = got["messages"].as_array().into_iter().flatten();
        let said = messages.map(|message| match message["content"]["text"].as_str() {
            Some(text) => beginning(text),
            None => format!("[{}]", message["content"]["type"].as_str().unwrap_or_default()),
        });
        say(format_args!("  {}: {}", prompt["name"], said.collect::<Vec<_>>().join(" / ")));
    }
    Ok(())
}

/// Every resource that is listed, of the numbered ones the first two, and one of every template.
pub(crate) async fn resources(server: &mut Server) -> Result<()> {
    let listed = server.list("resources/list", "resources").await?;
    say(format_args!("Resources: {}", listed.len()));
    let mut numbered = 0;
    for uri in listed.iter().filter_map(|one| one["uri"].as_str()) {
        numbered += u32::from(uri.starts_with("test://static/resource/"));
        if !uri.starts_with("test://static/resource/") || numbered <= 2 {
            read(server, uri).await?;
        }
    }
    let templates = server.list("resources/templates/list", "resourceTemplates").await?;
    say(format_args!("Templates: {}", names(&templates, "uriTemplate")));
    for template in templates.iter().filter_map(|one| one["uriTemplate"].as_str()) {
        let (mut uri, mut values) = (template.to_owned(), Map::new());
        let of = json!({ "type": "ref/resource", "uri": template });
        while let Some((before, rest)) = uri.split_once('{') {
            let (name, after) = rest.split_once('}').ok_or("a template has no end")?;
            let value = completed(server, &of, name, &values).await?;
            values.insert(name.to_owned(), json!(value));
            uri = format!("{before}{value}{after}");
        }
        read(server, &uri).await?;
    }
    Ok(())
}

async fn read(server: &mut Server, uri: &str) -> Result<()> {
    let read = server.call("resources/read", json!({ "uri": uri })).await?;
    say(format_args!("  {uri}: {}", beginning(&read["contents"][0].to_string())));
    Ok(())
}

/// A value for an argument: what the server suggests first, given what the others are, or else what
/// somebody might type.
async fn completed(
    server: &mut Server,
    of: &Value,
    argument: &str,
    others: &Map<String, Value>,
) -> Result<String> {
    let params = json!({
        "ref": of,
        "argument": { "name": argument, "value": "" },
        "context": { "arguments": others },
    });
    let completion = server.call("completion/complete", params).await?;
    let values = &completion["completion"]["values"];
    if let Some(first) = values[0].as_str() {
        say(format_args!("    {argument} may be {}", beginning(&values.to_string())));
        return Ok(first.to_owned());
    }
    Ok(typed(argument).to_owned())
}

/// What somebody types where nothing is suggested.
fn typed(argument: &str) -> &'static str {
    match argument {
        "resourceId" => "7",
        "city" => "Paris",
        "state" => "Texas",
        _ => "2 + 2",
    }
}

/// Says what the server has that was not shown, if there is anything.
pub(crate) async fn left_out(server: &mut Server) -> Result<()> {
    let mut left_out = Vec::new();
    for (method, member, name) in [
        ("tools/list", "tools", "name"),
        ("prompts/list", "prompts", "name"),
        ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ] {
        let listed = server.list(method, member).await?;
        let names = listed.iter().filter_map(|one| one[name].as_str());
        let unseen = names.filter(|name| !server.wire().has_asked_for(|asked| fits(asked, name)));
        left_out.extend(unseen.map(str::to_owned));
    }
    if !left_out.is_empty() {
        say(format_args!("Not shown: {}", left_out.join(", ")));
    }
    Ok(())
}

/// Whether a name is that one, or an address one of that template.
fn fits(asked: &str, name: &str) -> bool {
    let (mut asked, mut parts) = (asked.split('/'), name.split('/'));
    loop {
        match (asked.next(), parts.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if wanted.starts_with('{') || part == wanted => {}
            _ => return false,
        }
    }
}
