//! A bare handler on a socket:
//! `ceiling PORT PATH MEDIA-TYPE FILE [REDIS-URL]`, where the file holds the body of its answers.

use std::{env, error::Error, fs, net::Ipv4Addr};

use axum::serve::ListenerExt as _;
use bench::ceiling::{Answer, of_json, of_redis};
use fred::{
    interfaces::ClientLike as _,
    types::{Builder, config::Config},
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [port, path, media_type, file, rest @ ..] = words.as_slice() else {
        return Err("usage: ceiling PORT PATH MEDIA-TYPE FILE [REDIS-URL]".into());
    };
    let answer = Answer { body: fs::read(file)?.into(), media_type: media_type.parse()? };
    let router = match rest {
        [url, ..] => {
            let client = Builder::from_config(Config::from_url(url)?).build()?;
            client.init().await?;
            of_redis(path, answer, client)
        }
        [] => of_json(path, answer),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    // As the servers do: an answer does not wait for the next one.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}
